"""Whom the emulator is answering, and whether that one still listens."""

from __future__ import annotations

import socket
from contextvars import ContextVar

# Of the request that the present thread answers.
connection: ContextVar[socket.socket | None] = ContextVar("connection", default=None)


def has_hung_up() -> bool:
    caller = connection.get()
    if caller is None:
        return False
    try:
        return caller.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
