"""A request as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from counting_client.config import ClientConfig


def message(method: str, path: str, authority: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


def json_message(method: str, path: str, authority: str, headers: Mapping[str, str], document: Any) -> bytes:
    return message(method, path, authority, {**headers, "Content-Type": "application/json"}, json.dumps(document).encode())


class CountedPost:
    """The counting mode's request: its id is in a header and in the body."""

    def __init__(self, config: ClientConfig) -> None:
        headers = {**config.headers, "Content-Type": "application/json", "User-Agent": "counting-client"}
        # Only the id differs between two requests, and it is always equally long.
        self._template = message("POST", config.target.path, config.target.authority, headers)[: -len("Content-Length: 0\r\n\r\n")]
        self._id_header = config.id_header.encode()
        self._filler = b"." * config.body_bytes

    def __call__(self, request_id: str) -> bytes:
        name = request_id.encode()
        body = b'{"id":"%b","filler":"%b"}' % (name, self._filler)
        return b"%b%b: %b\r\nContent-Length: %d\r\n\r\n%b" % (self._template, self._id_header, name, len(body), body)
