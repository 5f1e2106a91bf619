"""The emulator knows whether whom it answers still listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import callers
import pytest


@pytest.fixture
def caller() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    token = callers.connection.set(ours)
    with ours, theirs:
        yield theirs
    callers.connection.reset(token)


def test_who_waits_is_there(caller: socket.socket) -> None:
    assert not callers.has_hung_up()
    caller.send(b"more")
    assert not callers.has_hung_up()


def test_who_closes_has_hung_up(caller: socket.socket) -> None:
    caller.close()
    assert callers.has_hung_up()


def test_what_nobody_called_for_has_nobody_to_lose() -> None:
    assert not callers.has_hung_up()
