"""Server-sent events out of the bytes of an event stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    # Empty when the server gave none.
    id: str
    data: str

    @property
    def number(self) -> int | None:
        return int(self.id) if self.id.isascii() and self.id.isdigit() else None


class EventParser:
    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Event]:
        *blocks, self._buffer = (self._buffer + data).replace(b"\r\n", b"\n").split(b"\n\n")
        return [event for block in blocks if (event := _event(block.decode("utf-8", "replace")))]


def _event(block: str) -> Event | None:
    """None for a block without data, such as a comment that keeps the connection alive."""
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return Event(fields.get("id", [""])[-1], "\n".join(fields["data"])) if "data" in fields else None
