"""A binary log as a stream of events. Only what is needed to cut it between two transactions is understood."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from backups.trouble import Trouble

_MAGIC = b"\xfebin"
# The fields are: time in seconds, type, server id, length, end position, flags.
_HEADER = struct.Struct("<IBIIIH")
_QUERY, _STOP, _ROTATE, _XID, _XA_PREPARE, _CHECKPOINT, _GTID, _GTID_LIST = 2, 3, 4, 16, 38, 161, 162, 163
# This flag of a GTID event means: a statement that needs no COMMIT after it.
_STANDALONE = 1


@dataclass(frozen=True)
class Event:
    kind: int
    second: int
    raw: bytes


@dataclass(frozen=True)
class Transaction:
    number: int
    # When its COMMIT, or the statement that was all of it, began.
    second: int


@dataclass(frozen=True)
class Content:
    # Numbers of the last transaction before and in it.
    before: int
    last: int
    # When the last transaction was; 0 without one.
    second: int


def events(stream: IO[bytes]) -> Iterator[Event]:
    """Yields the events. It ends without complaint at one that is not whole: a server was killed there and never committed it."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise Trouble("that is no binary log")
    while len(header := stream.read(_HEADER.size)) == _HEADER.size:
        second, kind, _, length, _, _ = _HEADER.unpack(header)
        rest = stream.read(length - _HEADER.size)
        if len(rest) < length - _HEADER.size:
            return
        yield Event(kind, second, header + rest)


def content(stream: IO[bytes]) -> Content:
    before = last = second = 0
    unfinished: Transaction | None = None
    standalone = False
    for event in events(stream):
        if event.kind == _GTID_LIST:
            before = last = _last_of_list(event)
        elif event.kind == _GTID:
            unfinished, standalone = _transaction(event), _is_standalone(event)
        elif unfinished and (standalone or event.kind in (_XID, _XA_PREPARE) or _ends_transaction(event)):
            last, second, unfinished = unfinished.number, unfinished.second, None
    return Content(before, last, second)


def cut(stream: IO[bytes], is_wanted: Callable[[Transaction], bool]) -> Iterator[bytes]:
    """Copies what a log begins with, and those transactions that are wanted."""
    wanted = True
    yield _MAGIC
    for event in events(stream):
        if event.kind == _GTID:
            wanted = is_wanted(_transaction(event))
        if wanted and event.kind not in (_ROTATE, _STOP, _CHECKPOINT):
            yield event.raw


def _transaction(event: Event) -> Transaction:
    number, domain = struct.unpack_from("<QI", event.raw, _HEADER.size)
    if domain != 0:
        raise Trouble(f"the log has transactions of GTID domain {domain}, and an order between domains is nowhere written")
    return Transaction(number, event.second)


def _is_standalone(event: Event) -> bool:
    return bool(event.raw[_HEADER.size + 12] & _STANDALONE)


def _ends_transaction(event: Event) -> bool:
    """Whether the event ends a transaction on tables that know none. The last four bytes are its checksum."""
    return event.kind == _QUERY and event.raw[:-4].endswith((b"COMMIT", b"ROLLBACK"))


def _last_of_list(event: Event) -> int:
    (count,) = struct.unpack_from("<I", event.raw, _HEADER.size)
    entries = (struct.unpack_from("<IIQ", event.raw, _HEADER.size + 4 + 16 * index) for index in range(count & 0x0FFFFFFF))
    return max((number for domain, _, number in entries if domain == 0), default=0)
