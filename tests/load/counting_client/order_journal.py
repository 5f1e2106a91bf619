"""What customers were promised, on disk before anything else happens: a killed client still knows."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Customer:
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class AcknowledgedOrder:
    id: str
    # The Idempotency-Key; the item is named after it, so that two orders of one key can be told from two of different keys.
    key: str
    item: str
    quantity: int
    customer: str


@dataclass(slots=True)
class JournalContents:
    customers: list[Customer] = field(default_factory=list)
    orders: list[AcknowledgedOrder] = field(default_factory=list)


class OrderJournal:
    """Lines are appended and fsynced in groups; `record` returns when its line is safe. Holds throw-away passwords: mode 0600."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, entry: Customer | AcknowledgedOrder) -> None:
        kind = "customer" if isinstance(entry, Customer) else "order"
        line = json.dumps({"kind": kind} | asdict(entry)).encode() + b"\n"
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, safe))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_groups())
        await safe

    def close(self) -> None:
        os.close(self._file)

    async def _write_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, b"".join(line for line, _ in group))
            except OSError as error:
                for _, safe in group:
                    safe.set_exception(error)
            else:
                for _, safe in group:
                    if not safe.done():
                        safe.set_result(None)
        self._writer = None

    def _write(self, lines: bytes) -> None:
        while lines:
            lines = lines[os.write(self._file, lines) :]
        os.fsync(self._file)


def read_journal(path: Path) -> JournalContents:
    contents = JournalContents()
    for line in path.read_bytes().splitlines(keepends=True):
        # A line cut short by a kill was never promised to anybody.
        if not line.endswith(b"\n"):
            break
        entry = json.loads(line)
        kind = entry.pop("kind")
        if kind == "customer":
            contents.customers.append(Customer(**entry))
        else:
            contents.orders.append(AcknowledgedOrder(**entry))
    return contents
