"""One line a happening, on standard error, where the engine collects it: with its trace, and without what is nobody's business."""

from __future__ import annotations

import logging
import re
import time
import traceback

from opentelemetry import trace

# E-mail addresses, and whatever lets somebody in.
_SECRETS = re.compile(r"[^\s'\"<>(),;:=]+@[^\s'\"<>(),;:]+\.\w+|\b[Bb]earer\s+\S+|\beyJ[\w-]+\.[\w.-]+")
# Their messages quote the values that they failed on.
_QUOTING = ("sqlalchemy", "pymysql", "psycopg", "pydantic")
_TELEMETRY = ("opentelemetry", "urllib3", "requests")
_SECONDS_BETWEEN_COMPLAINTS = 60.0


class Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {without_secrets(record.getMessage())}"
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line += f" trace_id={context.trace_id:032x}"
        error = record.exc_info[1] if record.exc_info else None
        return f"{line}\n{traceback_of(error)}" if error else line


class Complaints(logging.Filter):
    """Whom all this is told to may be away for hours: that is worth a line a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not is_about_telemetry(record):
            return True
        if record.levelno < logging.WARNING or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _SECONDS_BETWEEN_COMPLAINTS
        # Its tracebacks are long and say no more than that nobody answers.
        record.exc_info = None
        return True


def to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Line())
    handler.addFilter(Complaints())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("botocore").setLevel(logging.WARNING)


def is_about_telemetry(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _TELEMETRY


def without_secrets(text: str) -> str:
    return _SECRETS.sub("***", text)


def name_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def traceback_of(error: BaseException) -> str:
    """Where it happened, its causes first. What a database or a validation says is left out: it quotes what customers sent."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = [traceback_of(before), ""] if before else []
    quotes = type(error).__module__.partition(".")[0] in _QUOTING
    message = "" if quotes or not str(error) else f": {without_secrets(str(error))}"
    return "\n".join([*parts, "".join(traceback.format_tb(error.__traceback__)).rstrip(), f"{name_of(error)}{message}"])
