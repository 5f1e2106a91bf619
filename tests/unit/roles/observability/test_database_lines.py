"""What of a database's log is read: the patterns of the container-reader, on lines as the servers write them."""

from __future__ import annotations

import re

import jinja2
import pytest

from harness.alerting_under_test import ROLE

MODULE = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLE / "templates")).get_template("database_lines.j2").module
POSTGRES, MARIADB = "2026-11-29 17:00:00.123 UTC [12] ", "2026-11-29 17:00:00 9 "


def read(line: str) -> str:
    """The line as it is stored; empty where it is dropped."""
    if not any(re.search(pattern, line) for pattern in getattr(MODULE, "harmless")):  # noqa: B009 - a template's own name
        return ""
    for pattern in getattr(MODULE, "cut"):  # noqa: B009 - the same
        line = re.sub(pattern, lambda found: f"{found[1]}****", line)
    return line


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (f"{POSTGRES}LOG:  database system is ready", f"{POSTGRES}LOG:  database system is ready"),
        (f'{POSTGRES}a@b ERROR:  duplicate key value violates "k"', f"{POSTGRES}a@b ERROR:  duplicate key value violates ****"),
        (f'{POSTGRES}a@b ERROR:  invalid input for int: "secret\n', f"{POSTGRES}a@b ERROR:  invalid input for int: ****"),
        (f"{POSTGRES}a@b LOG:  duration: 1201.1 ms  statement: SELECT 'secret'", f"{POSTGRES}a@b LOG:  duration: 1201.1 ms ****"),
        (f"{POSTGRES}a@b STATEMENT:  INSERT INTO x VALUES ('secret')", ""),
        (f"{POSTGRES}a@b DETAIL:  Key (id)=(secret) already exists.", ""),
        ("\t, 'secret')", ""),
        (f"{MARIADB}[Note] mariadbd: ready for connections.", f"{MARIADB}[Note] mariadbd: ready for connections."),
        (f"{MARIADB}[Warning] Aborted connection 5 to db: 'o' user: 'u'", f"{MARIADB}[Warning] Aborted connection 5 to db: ****"),
        (f"{MARIADB}[ERROR] Slave SQL: Duplicate entry 'secret' for key", f"{MARIADB}[ERROR] Slave SQL: Duplicate entry ****"),
        ("# Query_time: 1.200139  Lock_time: 0.000000", "# Query_time: 1.200139  Lock_time: 0.000000"),
        ("INSERT INTO x VALUES ('secret');", ""),
        ("Query (0x7f): INSERT INTO x VALUES ('secret')", ""),
    ],
)
def test_a_line_is_stored_without_what_a_statement_says(line: str, stored: str) -> None:
    assert read(line) == stored


@pytest.mark.parametrize(
    ("service", "is_one"), [("mariadb", True), ("postgres-replica", True), ("mariadb-archiver", False), ("api-gateway", False)]
)
def test_these_services_are_database_servers(service: str, is_one: bool) -> None:
    assert bool(re.search(getattr(MODULE, "databases"), service)) == is_one  # noqa: B009 - the same
