"""A transaction within a trace is one span of it: its statements' texts, which have placeholders where values go, and never a value."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Engine, event

from orders.settings import DatabaseSettings

_LONGEST_TEXT = 2000
_SUBJECT = re.compile(r"\s*(?:(INSERT)\s+INTO|(UPDATE)|(SELECT|DELETE)\b.*?\bFROM)\s+[`\"]?(\w+)", re.IGNORECASE | re.DOTALL)

tracer = trace.get_tracer("orders.database")
# The statements that the present transaction has sent.
_sent: ContextVar[list[str] | None] = ContextVar("sent", default=None)

Attributes = dict[str, str | int]


@dataclass
class WatchedTransaction:
    database: Attributes
    began: int
    ended: int = 0
    error: str = ""
    statements: list[str] = field(default_factory=list)

    def tell(self) -> None:
        """Makes it a span below the present one. One for all of its statements: one for each would cost more than they do."""
        summary, text = describe(tuple(self.statements))
        about = self.database | {"db.query.text": text}
        span = tracer.start_span(summary, None, SpanKind.CLIENT, about, None, self.began)
        if self.error:
            span.set_attribute("error.type", self.error)
            span.set_status(StatusCode.ERROR)
        span.end(self.ended)


class TracedTransactions:
    def __init__(self, engine: Engine, settings: DatabaseSettings) -> None:
        self._database: Attributes = {"db.system.name": settings.engine, "server.address": settings.host}
        event.listen(engine, "before_cursor_execute", _remember)

    @contextmanager
    def watched(self) -> Iterator[WatchedTransaction]:
        """The caller tells it, when it knows whom."""
        watched = WatchedTransaction(self._database, time.time_ns())
        token = _sent.set(watched.statements)
        try:
            yield watched
        except Exception as error:
            watched.error = type(error).__qualname__
            raise
        finally:
            watched.ended = time.time_ns()
            _sent.reset(token)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Nothing outside of a trace: what asks all the time, for new orders or for the database's health, would make a trace a time."""
        if not trace.get_current_span().is_recording():
            yield
            return
        transaction: WatchedTransaction | None = None
        try:
            with self.watched() as transaction:
                yield
        finally:
            if transaction:
                transaction.tell()


@lru_cache(maxsize=256)
def describe(statements: tuple[str, ...]) -> tuple[str, str]:
    """Verbs and tables, and the whole text."""
    summary = ", ".join(dict.fromkeys(_subject(statement) for statement in statements)) or "transaction"
    return summary[:255], "; ".join(" ".join(statement.split()) for statement in statements)[:_LONGEST_TEXT]


def _subject(statement: str) -> str:
    found = _SUBJECT.match(statement)
    if not found:
        return next(iter(statement.split()), "statement").upper()
    verb, table = (group for group in found.groups() if group)
    return f"{verb.upper()} {table}"


def _remember(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    sent = _sent.get()
    if sent is not None:
        sent.append(statement)
