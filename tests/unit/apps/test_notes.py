from __future__ import annotations

import os
import threading
import time

import pytest

from orders.cloud import KeyServiceAway, NotOurKey
from orders.envelope import Envelope, Unreadable
from orders.notes import GIVE_UP_AFTER_SECONDS, RENEW_AFTER_SECONDS, Notes


class KeyService:
    """Wraps by handing out a ticket."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.is_away = False
        self.calls = 0
        self.wraps_with = "first"
        self.called = threading.Event()

    def new_data_key(self) -> tuple[bytes, bytes, str]:
        self._answer()
        wrapped = b"ticket %d" % len(self.keys)
        self.keys[wrapped] = os.urandom(32)
        return self.keys[wrapped], wrapped, self.wraps_with

    def key_id(self) -> str:
        self._answer()
        return self.wraps_with

    def unwrap(self, wrapped: bytes) -> bytes:
        self._answer()
        if wrapped not in self.keys:
            raise NotOurKey("no such ticket")
        return self.keys[wrapped]

    def _answer(self) -> None:
        self.calls += 1
        self.called.set()
        if self.is_away:
            raise KeyServiceAway("away")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes(service: KeyService, clock: Clock) -> Notes:
    return Notes(service, clock)


def ticket(content: bytes) -> bytes:
    return Envelope.from_bytes(content).wrapped_key


def test_one_key_serves_many_notes(notes: Notes, service: KeyService) -> None:
    sealed = {f"order-{number}": notes.seal(f"note {number}", f"order-{number}") for number in range(100)}
    assert [notes.open(content, order) for order, content in sealed.items()] == [f"note {number}" for number in range(100)]
    assert service.calls == 1


def test_another_process_asks_once_for_each_key(notes: Notes, service: KeyService) -> None:
    sealed = notes.seal("a note", "order-1")
    reader = Notes(service)
    assert [reader.open(sealed, "order-1") for _ in range(3)] == ["a note"] * 3
    assert service.calls == 2


def test_with_the_service_away_the_known_key_serves_on(notes: Notes, service: KeyService, clock: Clock) -> None:
    sealed = notes.seal("before", "order-1")
    service.is_away = True
    for clock.now in (RENEW_AFTER_SECONDS + 1, GIVE_UP_AFTER_SECONDS - 1):
        assert notes.open(notes.seal("meanwhile", "order-2"), "order-2") == "meanwhile"
    assert notes.open(sealed, "order-1") == "before"
    assert notes.can_seal


def test_a_key_is_renewed_without_anybody_waiting(notes: Notes, service: KeyService, clock: Clock) -> None:
    first = ticket(notes.seal("a note", "order-1"))
    service.called.clear()
    clock.now = RENEW_AFTER_SECONDS + 1
    notes.seal("a note", "order-1")
    assert service.called.wait(10)
    # Until the renewal is complete the first key is used; then never again.
    while ticket(notes.seal("a note", "order-1")) == first:
        pass
    assert service.calls == 2


def test_no_key_is_used_for_ever(notes: Notes, service: KeyService, clock: Clock) -> None:
    notes.seal("a note", "order-1")
    service.is_away = True
    clock.now = GIVE_UP_AFTER_SECONDS + 1
    with pytest.raises(KeyServiceAway):
        notes.seal("a note", "order-1")
    assert not notes.can_seal


def test_an_absent_service_is_not_asked_at_every_call(notes: Notes, service: KeyService, clock: Clock) -> None:
    service.is_away = True
    for _ in range(50):
        with pytest.raises(KeyServiceAway):
            notes.seal("a note", "order-1")
    assert service.calls == 1
    service.is_away = False
    clock.now += 5
    assert notes.can_seal


def test_a_foreign_key_makes_a_note_unreadable_for_good(notes: Notes) -> None:
    foreign = Notes(KeyService())
    with pytest.raises(Unreadable):
        notes.open(foreign.seal("a note", "order-1"), "order-1")


def test_another_key_wraps_the_next_data_key_as_soon_as_somebody_asks(service: KeyService, clock: Clock, notes: Notes) -> None:
    sealed = notes.seal("before", "1")
    assert notes.key_id == "first"
    service.wraps_with = "second"
    deadline = time.monotonic() + 10
    while notes.key_id != "second":
        clock.now += 1
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert Envelope.from_bytes(notes.seal("after", "2")).wrapped_key != Envelope.from_bytes(sealed).wrapped_key
    assert notes.open(sealed, "1") == "before"
    # An answer is owed to nobody: with the key service away it stays what it was.
    service.is_away = True
    clock.now += 10
    assert notes.key_id == "second"
