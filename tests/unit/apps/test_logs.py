from __future__ import annotations

import logging
import sys

import pytest
from sqlalchemy.exc import IntegrityError

from orders import logs


def record(message: str, name: str = "orders", error: BaseException | None = None) -> logging.LogRecord:
    about = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.WARNING, "", 0, message, (), about)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("order 7: accepted", "order 7: accepted"),
        ("mail to anna.b+c@shop.example.org, please", "mail to ***, please"),
        ("Authorization: Bearer abc.def-1 refused", "Authorization: *** refused"),
        ("token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig was old", "token=*** was old"),
        ("Duplicate entry 'anna@example.org' for key", "Duplicate entry '***' for key"),
        ("user app_user@10.0.0.1:3306", "user ***:3306"),
        ("a@b", "a@b"),
    ],
)
def test_whoever_is_named_in_a_line_is_left_out(message: str, line: str) -> None:
    assert logs.without_secrets(message) == line


def test_a_traceback_says_where_and_not_with_what() -> None:
    planted = "sec" + "ret"
    try:
        try:
            raise ValueError(f"the cause of {planted}@example.org")
        except ValueError as cause:
            raise IntegrityError("INSERT INTO users", {"email": planted}, Exception(f"Duplicate entry '{planted}'")) from cause
    except IntegrityError as error:
        line = logs.Line().format(record("it failed", error=error))
    assert planted not in line
    assert "ValueError: the cause of ***" in line
    assert line.endswith("sqlalchemy.exc.IntegrityError")
    assert __file__ in line


def test_a_suppressed_cause_is_left_out() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None
    except ValueError:
        error = sys.exc_info()[1]
        assert error is not None
        assert "first" not in logs.traceback_of(error)


def test_a_collector_that_is_away_is_worth_a_line_a_minute() -> None:
    complaints = logs.Complaints()
    assert [complaints.filter(record("away", "opentelemetry.exporter")) for _ in range(3)] == [True, False, False]
    assert complaints.filter(record("something else"))
