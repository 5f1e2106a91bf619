"""What an expand sends must be online and must leave the release that serves meanwhile working, on both engines."""

from __future__ import annotations

import re

import pytest

from migrations.schema import BRANCHES
from migrations.scripts import Scripts

DIALECTS = ("mariadb", "postgresql")
# The table is read or written anew, or what the old release uses is gone.
BREAKS = re.compile(r"\b(DROP (TABLE|COLUMN|CONSTRAINT|INDEX)|RENAME|MODIFY|CHANGE|TRUNCATE|ALTER COLUMN)\b")
REQUIRES = re.compile(r"\bADD COLUMN\b(?!.*\bDEFAULT\b).*\bNOT NULL\b")
# A default that differs from row to row has every row written.
COMPUTES = re.compile(r"\bADD COLUMN\b.*\bDEFAULT\b[^,]*\(")
LOCKS = {
    "mariadb": re.compile(r"^(ALTER TABLE|CREATE (UNIQUE )?INDEX)(?!.*LOCK=NONE)"),
    "postgresql": re.compile(r"^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)|\bADD CONSTRAINT\b(?!.*NOT VALID)"),
}
OWN = re.compile(r"^(CREATE TABLE migrations|INSERT INTO migrations|UPDATE migrations)\b")


def objections(statement: str, dialect: str) -> list[str]:
    line = " ".join(statement.split())
    if OWN.search(line) or line.startswith("CREATE TABLE IF NOT EXISTS"):
        return []
    found = {"breaks": BREAKS, "requires a value": REQUIRES, "writes every row": COMPUTES, "locks": LOCKS[dialect]}
    return [name for name, pattern in found.items() if pattern.search(line)]


def statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip()]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_expands_are_online_and_break_nothing(dialect: str) -> None:
    scripts = Scripts(dialect)
    sent = [(script.revision, statement) for script in scripts.of_branch("expand") for statement in statements(scripts.sql(script))]
    assert len(sent) > 8
    assert [(revision, statement, found) for revision, statement in sent if (found := objections(statement, dialect))] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_contracts_lock_nobody_out(dialect: str) -> None:
    scripts = Scripts(dialect)
    sent = [statement for script in scripts.of_branch("contract") for statement in statements(scripts.sql(script))]
    assert [statement for statement in sent if "locks" in objections(statement, dialect)] == []


@pytest.mark.parametrize(
    ("statement", "dialect", "objection"),
    [
        ("ALTER TABLE orders DROP COLUMN item, LOCK=NONE", "mariadb", "breaks"),
        ("ALTER TABLE orders RENAME COLUMN item TO thing", "postgresql", "breaks"),
        ("ALTER TABLE orders MODIFY item VARCHAR(100), LOCK=NONE", "mariadb", "breaks"),
        ("ALTER TABLE orders ALTER COLUMN item TYPE VARCHAR(100)", "postgresql", "breaks"),
        ("ALTER TABLE orders ADD COLUMN size INTEGER NOT NULL", "postgresql", "requires a value"),
        ("ALTER TABLE orders ADD COLUMN tag UUID DEFAULT gen_random_uuid()", "postgresql", "writes every row"),
        ("ALTER TABLE orders ADD COLUMN size INTEGER", "mariadb", "locks"),
        ("CREATE INDEX ix ON orders (item)", "mariadb", "locks"),
        ("CREATE INDEX ix ON orders (item)", "postgresql", "locks"),
        ("CREATE UNIQUE INDEX ix ON orders (item)", "postgresql", "locks"),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0)", "postgresql", "locks"),
    ],
)
def test_what_would_lock_or_break_is_recognised(statement: str, dialect: str, objection: str) -> None:
    assert objections(statement, dialect) == [objection]


@pytest.mark.parametrize(
    ("statement", "dialect"),
    [
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS size INTEGER NOT NULL DEFAULT '0', LOCK=NONE", "mariadb"),
        ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS size INTEGER DEFAULT '0' NOT NULL", "postgresql"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON orders (item)", "postgresql"),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (quantity > 0) NOT VALID", "postgresql"),
        ("ALTER TABLE orders VALIDATE CONSTRAINT c", "postgresql"),
    ],
)
def test_what_is_online_passes(statement: str, dialect: str) -> None:
    assert objections(statement, dialect) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_of_a_revision_is_its_own_alone(dialect: str) -> None:
    scripts = Scripts(dialect)
    written = {script.revision: scripts.sql(script) for branch in BRANCHES for script in scripts.of_branch(branch)}
    assert "CREATE TABLE IF NOT EXISTS users" in written["expand_0001"]
    assert "accepted_by" not in written["expand_0001"]
    assert "ADD COLUMN IF NOT EXISTS accepted_by" in written["expand_0002"]
    assert "UPDATE orders SET accepted_by" in written["contract_0001"]
