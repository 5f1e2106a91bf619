"""The order mode: whole orders through a system's own interface, each of them accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from counting_client.caller import Caller
from counting_client.client import run_in_fast_loop
from counting_client.config import Target
from counting_client.live_line import LiveLine
from counting_client.loop_watch import LoopWatch
from counting_client.order_journal import AcknowledgedOrder, Customer, OrderJournal
from counting_client.patient_caller import GaveUp, PatientCaller
from counting_client.report import Report
from counting_client.switch_driver import PlannedSwitch, SwitchDriver
from counting_client.tally import Tally
from counting_client.traffic import Traffic

# A crowd that registers in the same second is told to wait (decision 119), so customers join a few at a time.
_JOIN_AT_ONCE = 4


class OrdersLost(AssertionError):
    """An order was not acknowledged, or an answer broke its promise."""


@dataclass(frozen=True, slots=True)
class OrdersConfig:
    # The entrance of the system, without a path.
    target: Target
    journal: Path
    # The run ends when both are reached and every planned switch is over.
    seconds: float = 30.0
    orders: int = 0
    customers: int = 10
    # Orders a second of all customers together; 0 means as many as they can.
    rate: float = 0.0
    timeout: float = 20.0
    # How long one call is tried again before the customer gives up.
    patience: float = 60.0
    # Every so many orders the same key is sent once more: it must give the same order.
    replay_every: int = 20
    seed: int = 1
    id_header: str = "X-Counting-Id"
    colour_header: str = "X-Echobase-Colour"
    weights: dict[str, int] = field(default_factory=dict)
    live: bool = False


@dataclass(slots=True)
class OrdersReport:
    """`attempts` accounts for every single request; the rest for orders, which survive a failed attempt."""

    attempts: Report
    placed: int = 0
    acknowledged: int = 0
    replayed: int = 0
    # A replay that gave another order than the first time.
    doubled: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def table(self) -> str:
        rows = {"orders placed": self.placed, "acknowledged": self.acknowledged, "replayed": self.replayed}
        rows |= {"doubled": len(self.doubled), "given up": len(self.given_up), "refused": len(self.refused)}
        lines = [f"  {name:<14} {count:,}" for name, count in rows.items()]
        lines += [f"  {problem}" for problem in (*self.doubled, *self.given_up, *self.refused)[:20]]
        return "\n".join((*lines, "attempts", self.attempts.table()))

    def assert_every_order_acknowledged(self) -> None:
        """No order was lost on the way, and no answer came from a colour without traffic. Attempts may have failed."""
        clean = self.placed == self.acknowledged and not (self.doubled or self.given_up or self.refused)
        attempts = self.attempts
        if not clean or not self.placed or attempts.wrong_colour or attempts.duplicates or attempts.unaccounted or attempts.failed_switches:
            raise OrdersLost(f"not every order came through\n{self.table()}")


class OrdersClient:
    def __init__(self, config: OrdersConfig, switches: Iterable[PlannedSwitch] = ()) -> None:
        self._config = config
        self._plan = list(switches)
        self._tls = config.target.tls()
        self._over = asyncio.Event()

    def run(self) -> OrdersReport:
        return run_in_fast_loop(self.count())

    def stop(self) -> None:
        self._over.set()

    async def count(self) -> OrdersReport:
        config = self._config
        tally = Tally(Traffic(config.weights), secrets.token_hex(4), config.colour_header, config.id_header)
        watch, driver, journal = LoopWatch(), SwitchDriver(self._plan, tally), OrderJournal(config.journal)
        cpu = time.process_time()
        report = OrdersReport(Report.of_run(tally, 0.0, 0.0))
        door = asyncio.Semaphore(_JOIN_AT_ONCE)
        shops = [
            _Shopper(number, config, tls=self._tls, tally=tally, journal=journal, report=report, door=door)
            for number in range(config.customers)
        ]
        aside = [asyncio.create_task(watch.run())]
        if config.live:
            aside.append(asyncio.create_task(LiveLine(tally).run()))
        switching = asyncio.create_task(driver.run())
        work = [asyncio.create_task(shop.shop(self._over, tally.began)) for shop in shops]
        work += [switching, asyncio.create_task(self._end(report, switching))]
        try:
            await asyncio.gather(*work)
        finally:
            for task in [*work, *aside]:
                task.cancel()
            await asyncio.wait([*work, *aside])
            journal.close()
        report.attempts = Report.of_run(tally, watch.longest_lag, time.process_time() - cpu)
        return report

    async def _end(self, report: OrdersReport, switching: asyncio.Task[None]) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._config.seconds)
        await asyncio.wait({switching})
        while report.placed < self._config.orders and not self._over.is_set():
            await asyncio.sleep(0.1)
        self._over.set()


class _Shopper:
    """One customer who places one order after the other."""

    def __init__(
        self,
        number: int,
        config: OrdersConfig,
        *,
        tls: ssl.SSLContext | None,
        tally: Tally,
        journal: OrderJournal,
        report: OrdersReport,
        door: asyncio.Semaphore,
    ) -> None:
        self._number = number
        self._door = door
        self._config = config
        self._journal = journal
        self._report = report
        self._customer = Customer(f"customer-{tally.run}-{number}@example.com", secrets.token_urlsafe(16))
        caller = Caller("customer", number, target=config.target, tls=tls, tally=tally, timeout=config.timeout)
        self._caller = PatientCaller(caller, config.target, config.id_header, config.patience, config.seed + number)
        self._token = ""

    async def shop(self, over: asyncio.Event, began: float) -> None:
        try:
            async with self._door:
                await self._join()
            period = self._config.customers / self._config.rate if self._config.rate else 0.0
            due = began + period * self._number / self._config.customers
            placed = 0
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), max(0.0, due - time.monotonic()))
                    return
                due = max(due + period, time.monotonic())
                placed += 1
                await self._place(placed)
        except GaveUp as error:
            self._report.given_up.append(f"customer {self._number}: {error}")
        finally:
            self._caller.close()

    async def _join(self) -> None:
        credentials = {"email": self._customer.email, "password": self._customer.password}
        answer = await self._caller.call("POST", "/api/auth/register", credentials)
        # 409: an earlier attempt had come through, only its answer had not.
        if answer.status not in (201, 409):
            raise GaveUp(f"register: {answer.status} {answer.body[:200]!r}")
        await self._journal.record(self._customer)
        self._token = await log_in(self._caller, self._customer)

    async def _place(self, turn: int) -> None:
        key = secrets.token_hex(16)
        self._report.placed += 1
        try:
            order = await self._order(key, turn)
            if order is None:
                return
            await self._journal.record(order)
            self._report.acknowledged += 1
            if self._config.replay_every and turn % self._config.replay_every == 0:
                again = await self._order(key, turn)
                self._report.replayed += 1
                if again is None or again.id != order.id:
                    self._report.doubled.append(f"key {key} gave {order.id}, then {again.id if again else 'nothing'}")
        except GaveUp as error:
            self._report.given_up.append(f"key {key}: {error}")

    async def _order(self, key: str, turn: int) -> AcknowledgedOrder | None:
        item, quantity = f"item {key}", turn % 9 + 1
        document = {"item": item, "quantity": quantity, "note": f"order {turn} of customer {self._number}"}
        for _ in range(2):
            headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
            answer = await self._caller.call("POST", "/api/orders", document, headers)
            if answer.status == 202:
                return AcknowledgedOrder(str(answer.json()["id"]), key, item, quantity, self._customer.email)
            if answer.status != 401:
                break
            # The token may have run out in a long run.
            self._token = await log_in(self._caller, self._customer)
        self._report.refused.append(f"key {key}: {answer.status} {answer.body[:200]!r}")
        return None


async def log_in(caller: PatientCaller, customer: Customer) -> str:
    answer = await caller.call("POST", "/api/auth/login", {"email": customer.email, "password": customer.password})
    if answer.status != 200:
        raise GaveUp(f"login: {answer.status} {answer.body[:200]!r}")
    return str(answer.json()["token"])
