"""HTTP as uvicorn speaks it, but the head of a request has an end: its parser would keep whatever comes."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The edge in front allows less. What arrives in one piece is parsed first, so a little more may pass.
MOST_HEAD_BYTES = 64 * 1024


class BoundedHead(HttpToolsProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        expected = self._head_bytes = self._head_bytes + len(data)
        super().data_received(data)
        # Counting began anew where a head or a message ended in this piece: most of it was a body, then, that came at once.
        still_the_same_head = self._in_head and self._head_bytes == expected
        if still_the_same_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()
