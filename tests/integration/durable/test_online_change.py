"""A large table gets a column, an index, a constraint and a NOT NULL while clients write into it: none of their writes fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from harness.backend_fixtures import Backend, backend, empty_backend
from harness.large_table import LargeTable
from harness.order_writers import OrderWriters

pytestmark = pytest.mark.long_on("mariadb")

__all__ = ["backend", "empty_backend"]

ROWS = int(os.environ.get("ECHOBASE_LARGE_TABLE_ROWS", "100000"))


@pytest.fixture
def large(backend: Backend) -> Iterator[LargeTable]:
    table = LargeTable(backend)
    yield table
    table.close()


def test_no_write_fails_while_a_large_table_changes(large: LargeTable) -> None:
    large.fill(ROWS)
    with OrderWriters(large.backend, large.user_id).at_work() as writers:
        ran = large.change()
    assert writers.failures == []
    # They did write all the while.
    assert writers.written > 100
    assert large.backend.sql("SELECT COUNT(*) FROM orders") == [(ROWS + writers.written // 2,)]
    assert large.missing_values() == 0
    assert len(ran) >= 4
    print(f"\n{large.backend.engine}: {ROWS} rows, {writers.written} writes, longest wait {writers.longest_wait:.3f} s")
    for one in ran:
        print(f"  {one.seconds:8.3f} s, {one.tries} tries, a writer waited {one.held_up_seconds or 0:.3f} s: {one.statement}")


@pytest.mark.engines("mariadb")
def test_what_would_lock_the_table_is_refused(large: LargeTable) -> None:
    """MariaDB would otherwise let nobody write meanwhile; for PostgreSQL the test of the revisions says no."""
    with pytest.raises(DBAPIError, match="LOCK=NONE is not supported"):
        large.number_the_rows()
