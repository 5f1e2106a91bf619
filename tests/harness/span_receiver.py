"""Who takes the edge's spans: a real server for OTLP over HTTP in its JSON form, which keeps what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.http_sink import http_sink


@dataclass
class Receiver:
    port: int = 0
    status: int = 200
    batches: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[dict[str, Any]]:
        told = [resource for batch in self.batches for resource in batch["resourceSpans"]]
        return [span for resource in told for scope in resource["scopeSpans"] for span in scope["spans"]]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    def take(path: str, headers: Mapping[str, str], body: bytes) -> int:
        assert path == "/v1/traces"
        receiver.batches.append(json.loads(body))
        receiver.headers.append(dict(headers))
        return receiver.status

    with http_sink(take, answer=b"{}") as receiver.port:
        yield receiver
