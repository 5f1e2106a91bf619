from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, select

from order_processor import rewrap
from order_processor.rewrap import Rewrap, Rewrapped
from orders import utc
from orders.cloud import NotOurKey
from orders.envelope import DataKey, Envelope
from orders.tables import metadata, orders

KEY = os.urandom(32)


class Database:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def transaction(self, work: Callable[[Connection], Any]) -> Any:
        with self.engine.begin() as connection:
            return work(connection)


class Service:
    """What it wrapped begins with the name of its key."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def rewrap(self, wrapped: bytes) -> bytes | None:
        self.asked.append(wrapped)
        key, _, rest = wrapped.partition(b":")
        if key == b"lost":
            raise NotOurKey("nobody has it")
        return None if key == b"new" else b"new:" + rest


@pytest.fixture
def database() -> Iterator[Database]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield Database(engine)
    engine.dispose()


def place(database: Database, wrapped: bytes | None) -> str:
    order_id = str(uuid.uuid4())
    note = None if wrapped is None else Envelope.seal(f"note of {order_id}", order_id, DataKey(KEY, wrapped)).to_bytes()
    row = {"id": order_id, "user_id": str(uuid.uuid4()), "item": "tea", "quantity": 1, "note": note, "status": "accepted"}
    with database.engine.begin() as connection:
        connection.execute(orders.insert().values(**row, created_at=utc.now()))
    return order_id


def test_every_note_is_wrapped_anew_and_says_what_it_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrap, "BATCH", 3)
    wrapped = [b"old:1", b"old:1", None, b"new:2", b"lost:3", b"old:4", b"old:1", None, b"old:4"]
    placed = [place(database, key) for key in wrapped]
    service = Service()
    run = Rewrap(database, service).run  # type: ignore[arg-type]
    assert run() == Rewrapped(rewrapped=5, unreadable=1)
    # One data key wraps many notes, and is wrapped once.
    assert sorted(service.asked) == [b"lost:3", b"new:2", b"old:1", b"old:4"]
    with database.engine.begin() as connection:
        found = {row.id: row.note for row in connection.execute(select(orders.c.id, orders.c.note))}
    for order_id, before in zip(placed, wrapped, strict=True):
        note = found[order_id]
        if before is None:
            assert note is None
            continue
        envelope = Envelope.from_bytes(note)
        assert envelope.wrapped_key == before.replace(b"old:", b"new:")
        assert envelope.open(order_id, KEY) == f"note of {order_id}"
    # Cut off or not, it is run again without harm.
    assert run() == Rewrapped(rewrapped=0, unreadable=1)
