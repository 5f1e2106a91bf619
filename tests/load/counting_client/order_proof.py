"""Is every acknowledged order there, exactly once, and processed? Asked through the system's own interface or of SQL rows."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counting_client.caller import Caller
from counting_client.client import run_in_fast_loop
from counting_client.config import Target
from counting_client.order_journal import AcknowledgedOrder, Customer, JournalContents, read_journal
from counting_client.orders import OrdersLost, log_in
from counting_client.patient_caller import PatientCaller
from counting_client.tally import Tally
from counting_client.traffic import Traffic

_ASK_AGAIN = 0.25
_AT_ONCE = 8


@dataclass(slots=True)
class OrderProof:
    acknowledged: int
    missing: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    # Other contents than were acknowledged.
    changed: list[str] = field(default_factory=list)
    # Not processed when the deadline came.
    unprocessed: list[str] = field(default_factory=list)

    def assert_all_there(self) -> None:
        problems = {name: getattr(self, name) for name in ("missing", "duplicated", "changed", "unprocessed")}
        if any(problems.values()) or not self.acknowledged:
            lines = [f"  {name:<12} {len(orders):,}  {', '.join(orders[:10])}" for name, orders in problems.items()]
            raise OrdersLost("\n".join((f"of {self.acknowledged:,} acknowledged orders", *lines)))


def verify_orders(target: Target, journal: Path, deadline: float = 60.0, timeout: float = 20.0) -> OrderProof:
    """Asks the system for every order in the journal; waits up to `deadline` seconds until they are processed."""
    return run_in_fast_loop(prove_orders(target, read_journal(journal), deadline, timeout))


def compare_with_rows(journal: Path, rows: Iterable[Sequence[Any]]) -> OrderProof:
    """The same question to the database itself: rows of (order id, item, quantity, status)."""
    acknowledged = read_journal(journal).orders
    found = [{"id": str(row[0]), "item": str(row[1]), "quantity": int(row[2]), "status": str(row[3])} for row in rows]
    return compare(acknowledged, found)


def compare(acknowledged: Sequence[AcknowledgedOrder], found: Sequence[Mapping[str, Any]]) -> OrderProof:
    proof = OrderProof(len(acknowledged))
    by_id = {_plain(str(order["id"])): order for order in found}
    of_item = Counter(str(order["item"]) for order in found)
    for order in acknowledged:
        there = by_id.get(_plain(order.id))
        if there is None:
            proof.missing.append(order.id)
            continue
        if of_item[order.item] > 1:
            proof.duplicated.append(order.id)
        if (there["item"], there["quantity"]) != (order.item, order.quantity):
            proof.changed.append(order.id)
        if there["status"] != "processed":
            proof.unprocessed.append(order.id)
    return proof


def _plain(order_id: str) -> str:
    """A database may keep a UUID without its dashes."""
    return order_id.replace("-", "").lower()


async def prove_orders(target: Target, journal: JournalContents, deadline: float, timeout: float = 20.0) -> OrderProof:
    until = time.monotonic() + deadline
    tls = target.tls()
    tally = Tally(Traffic({}), secrets.token_hex(4), "X-Echobase-Colour", "X-Counting-Id")
    gate = asyncio.Semaphore(_AT_ONCE)
    whole = OrderProof(0)

    async def ask(number: int, customer: Customer, orders: list[AcknowledgedOrder]) -> None:
        async with gate:
            one = Caller("verifier", number, target=target, tls=tls, tally=tally, timeout=timeout)
            caller = PatientCaller(one, target, "X-Counting-Id", deadline, number)
            try:
                proof = await _verify_customer(caller, customer, orders, until)
            finally:
                caller.close()
        whole.acknowledged += proof.acknowledged
        for name in ("missing", "duplicated", "changed", "unprocessed"):
            getattr(whole, name).extend(getattr(proof, name))

    orders = {customer.email: [order for order in journal.orders if order.customer == customer.email] for customer in journal.customers}
    await asyncio.gather(*(ask(number, customer, orders[customer.email]) for number, customer in enumerate(journal.customers)))
    return whole


async def _verify_customer(caller: PatientCaller, customer: Customer, orders: list[AcknowledgedOrder], until: float) -> OrderProof:
    headers = {"Authorization": f"Bearer {await log_in(caller, customer)}"}
    answer = await caller.call("GET", "/api/orders", headers=headers)
    if answer.status != 200:
        raise OrdersLost(f"the list of orders: {answer.status} {answer.body[:200]!r}")
    found = {str(order["id"]): order for order in answer.json()}
    while True:
        # A list may be cut off: what is not in it, or not processed yet, is asked for by its id.
        for order in orders:
            if found.get(order.id, {}).get("status") != "processed":
                single = await caller.call("GET", f"/api/orders/{order.id}", headers=headers)
                if single.status == 200:
                    found[order.id] = single.json()
        proof = compare(orders, list(found.values()))
        if not proof.unprocessed or time.monotonic() >= until:
            return proof
        await asyncio.sleep(_ASK_AGAIN)
