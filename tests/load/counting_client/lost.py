"""How a request can fail on its way."""

from __future__ import annotations


class Lost(Exception):
    """The request was handed to the socket and no whole answer came back."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Refused(Exception):
    """The server promised that it did not process the request, so that it may be sent again."""


def closed(error: Exception | None, after: str) -> Lost:
    """The connection went away under the request."""
    return Lost("closed", f"the peer closed the connection {after}") if error is None else Lost("reset", f"{error} {after}")


def too_late(seconds: float) -> Lost:
    return Lost("timeout", f"no answer within {seconds:g} s")
