"""A request as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from counting_client.config import ClientConfig

# Stands for the id in a template.
_ID = "%(id)s"


def head(method: str, path: str, authority: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode()


def message(method: str, path: str, authority: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    if body or method != "GET":
        headers = {**headers, "Content-Length": str(len(body))}
    return head(method, path, authority, headers) + body


def json_message(method: str, path: str, authority: str, headers: Mapping[str, str], document: Any) -> bytes:
    return message(method, path, authority, {**headers, "Content-Type": "application/json"}, json.dumps(document).encode())


def common_headers(config: ClientConfig, request_id: str) -> dict[str, str]:
    """Of every request of the counting mode."""
    key = {"Idempotency-Key": request_id} if config.keyed else {}
    return {"User-Agent": "counting-client", **config.headers, **key, config.id_header: request_id}


class CountedPost:
    """The counting mode's request: its id is in a header and in the body."""

    def __init__(self, config: ClientConfig) -> None:
        # Only the id differs between two requests, and it is always equally long.
        headers = {"Content-Type": "application/json", **common_headers(config, _ID)}
        target = config.target
        # What stands before, between and after the ids.
        self._head = head("POST", target.path, target.authority, headers)[:-2].split(_ID.encode())
        pseudo = {":method": "POST", ":scheme": urlsplit(target.url).scheme, ":authority": target.authority, ":path": target.path}
        self._fields = [(name.lower().encode(), b"" if value == _ID else value.encode()) for name, value in (pseudo | headers).items()]
        self._filler = b"." * config.body_bytes

    def __call__(self, request_id: str) -> bytes:
        """For HTTP/1.1."""
        name = request_id.encode()
        body = self._body(name)
        return b"%bContent-Length: %d\r\n\r\n%b" % (name.join(self._head), len(body), body)

    def fields(self, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """For HTTP/2."""
        name = request_id.encode()
        body = self._body(name)
        return [*((field, value or name) for field, value in self._fields), (b"content-length", b"%d" % len(body))], body

    def _body(self, name: bytes) -> bytes:
        return b'{"id":"%b","filler":"%b"}' % (name, self._filler)
