"""One run at a time may change an environment's colours, traffic, schema or data: it holds the release lease.

The lease is a file beside the routing table. It says who has the environment, what for and since when, and it has a fencing number that
grows each time somebody takes it. The routing table learns that number at once, so a run whose lease was taken can no longer move traffic;
each module of such a run refuses before its work begins.

A lease is given back at the end of a playbook. Where its run died, the next one takes over: at once when both run on the same machine,
where a process can be looked up, else when the lease was not renewed for a while.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import lease_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import share
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import SECONDS_BETWEEN_RENEWALS, Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.unrecorded_events import (
    record_rollback_beside,
    record_what_was_cut_off,
)
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

# What a playbook does, as its lease says it. Those that work on the data, or on what both colours stand on, cannot be left half-way for a
# rollback; traffic can be moved back beside them, so a rollback does that.
RELEASE_OPERATIONS = (
    "deploy",
    "promote",
    "canary",
    "rollback",
    "switch",
    "maintenance",
    "migrate",
    "cleanup",
    "teardown",
    "dead_letters",
    "watch",
)
DURABLE_OPERATIONS = ("setup", "restore", "upgrade", "promote_replica", "rotate_secrets")
OPERATIONS = (*RELEASE_OPERATIONS, *DURABLE_OPERATIONS)
RIGHT_OF_WAY = "rollback"

_SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Taken:
    number: int
    # Whose lease it was: a run that died, or one that a rollback stopped.
    taken_over: str = ""
    fenced_off: str = ""
    # The run beside which a rollback moves traffic, without taking its lease.
    beside: str = ""
    # Events that a run had no time to write into the ledger.
    recorded: tuple[str, ...] = ()


class ReleaseLease:
    def __init__(self, env: Environment) -> None:
        self._env = env
        self._file = Path(env.path("lease.json"))

    def read(self) -> Lease:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            return Lease(**{**content, "process": ProcessIdentity(**content["process"])})
        except FileNotFoundError:
            return Lease()
        except (ValueError, TypeError, LookupError) as error:
            raise Refusal(
                f"{self._file} cannot be understood ({error})",
                "make sure that nobody is at work on this environment, then remove that file",
            ) from error

    def take(self, wanted: Lease, wait: float = 0, ended_run: str = "") -> Taken:
        """`wanted` says whose run it is and what it does; `ended_run` is a run of which the caller knows that it has ended."""
        for _look in looks(wait, interval=_SECONDS_BETWEEN_TRIES):
            with self._exclusive():
                lease = self.read()
                blocker = self._blocker(lease, wanted.run, ended_run)
                if blocker is None or (wanted.operation == RIGHT_OF_WAY and blocker.operation != RIGHT_OF_WAY):
                    if blocker is not None and blocker.operation in DURABLE_OPERATIONS:
                        return Taken(blocker.number, beside=blocker.holder, recorded=self._recorded_beside(blocker))
                    return self._hand_over(lease, wanted, blocker)
        raise self.held_by(lease, wait)

    def look(self, operation: str, run: str) -> None:
        """Refuses where `take` would refuse now, and writes nothing."""
        blocker = self._blocker(self.read(), run, "")
        if blocker is not None and operation != RIGHT_OF_WAY:
            raise self.held_by(blocker, 0)

    def give_back(self, number: int, run: str) -> bool:
        """Gives the lease back, if it is this run's own. A run that goes beside another one has none to give back."""
        with self._exclusive():
            lease = self.read()
            if (lease.number, lease.run) != (number, run):
                return False
            ColourClaims(self._env).drop_those_of(number)
            # What was done stays, since a rollback may have gone beside it.
            self._write(Lease(number, operation=lease.operation))
        return True

    def confirm(self, number: int) -> None:
        """Refuses to go on with a lease that somebody else has taken."""
        lease = self.read()
        if lease.number != number or not lease.is_held:
            raise self._lost(number, lease)

    @contextmanager
    def held(self, number: int) -> Iterator[None]:
        """Keeps everybody from taking the lease while the context lasts. It is for work that takes no time."""
        with self._exclusive():
            self.confirm(number)
            yield

    @contextmanager
    def kept(self, number: int) -> Iterator[None]:
        """Renews the lease for as long as the context lasts, so that a long step on a distant host does not cost it."""
        self._renew(number)
        finished = threading.Event()

        def keep() -> None:
            while not finished.wait(SECONDS_BETWEEN_RENEWALS):
                try:
                    self._renew(number)
                except (Refusal, OSError):
                    # The next step finds out; this one is under way.
                    return

        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            finished.set()
            keeper.join()

    def held_by(self, lease: Lease, waited: float) -> Refusal:
        what = f"still has environment {self._env.name} after {waited:g} s" if waited else f"has environment {self._env.name}"
        return Refusal(
            f"{lease.holder} {what}",
            "wait for its end with -e wait=60, or end that run"
            + ("" if lease.operation == RIGHT_OF_WAY else f"; {playbook('rollback')} need not wait"),
            held_by={"run": lease.run, **asdict(lease.process)},
        )

    def _blocker(self, lease: Lease, run: str, ended_run: str) -> Lease | None:
        """The run that has the environment and is still at work."""
        is_free = not lease.is_held or lease.run in (run, ended_run) or lease.is_abandoned(_now())
        return None if is_free else lease

    def _hand_over(self, before: Lease, wanted: Lease, fenced_off: Lease | None) -> Taken:
        if before.run == wanted.run:
            # A later play of the same run, whose earlier one did not give it back.
            self._write(replace(before, operation=wanted.operation, renewed=_now().isoformat(timespec="milliseconds")))
            return Taken(before.number)
        router = NginxRoutes(self._env.path("routes"))
        number = max(before.number, router.highest_fencing_number()) + 1
        # The router is fenced first, so that what the run before had moved is final when the ledger is completed.
        if router.exists():
            router.fence(number)
        recorded = (*(record_what_was_cut_off(self._env, before) if before.is_held else ()), *self._recorded_beside(before))
        now = _now().isoformat(timespec="milliseconds")
        self._write(replace(wanted, number=number, since=now, renewed=now))
        is_taken_over = before.is_held and fenced_off is None
        return Taken(
            number,
            taken_over=before.holder if is_taken_over else "",
            fenced_off=fenced_off.holder if fenced_off else "",
            recorded=recorded,
        )

    def _recorded_beside(self, lease: Lease) -> tuple[str, ...]:
        return tuple(record_rollback_beside(self._env, lease)) if lease.operation in DURABLE_OPERATIONS else ()

    def _lost(self, number: int, lease: Lease) -> Refusal:
        taker = f"{lease.holder} has taken over" if lease.is_held else "another run has taken over, and has ended since"
        return Refusal(
            f"this run has lost environment {self._env.name}: {taker} (lease {lease.number}, this run had {number})",
            f"this step was not done and what was done before stands; look at {playbook('status')}, then start again what is still wanted",
        )

    def _renew(self, number: int) -> None:
        with self._exclusive():
            lease = self.read()
            if lease.number == number and lease.is_held:
                self._write(replace(lease, renewed=_now().isoformat(timespec="milliseconds")))

    def _write(self, lease: Lease) -> None:
        content: dict[str, Any] = asdict(lease)
        write_durably(self._file, json.dumps(content, indent=1) + "\n", mode=0o644)
        share(self._file)

    def _exclusive(self) -> AbstractContextManager[None]:
        return lease_lock(self._env)


def _now() -> datetime:
    return datetime.now(UTC)
