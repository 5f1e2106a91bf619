from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import completed
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import (
    NEXT_ROOT_PASSWORD,
    _native_verifier,
    _scram_verifier,
    accounts_digest,
    accounts_sql,
    administrator_sql,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

ENV = environment("test")
VALUES = completed({})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_secrets_give_the_same_sql_and_others_another_digest(engine: str) -> None:
    sql = accounts_sql(ENV, engine, VALUES)
    assert accounts_sql(ENV, engine, VALUES) == sql
    assert accounts_digest(sql) in sql.splitlines()[-1]
    other = accounts_sql(ENV, engine, VALUES | {"db_app_password": "another"})
    assert accounts_digest(other) != accounts_digest(sql)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_password_is_in_it_and_each_statement_is_a_line(engine: str) -> None:
    sql = accounts_sql(ENV, engine, VALUES)
    assert [name for name, value in VALUES.items() if value in sql] == []
    assert all(line.endswith(";") for line in sql.splitlines())
    assert sql.endswith(";\n")


def test_verifiers_are_those_of_the_servers() -> None:
    # As MariaDB's PASSWORD('password').
    assert _native_verifier("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    assert _scram_verifier("role", "word").startswith("SCRAM-SHA-256$4096:")
    assert _scram_verifier("role", "word") != _scram_verifier("other", "word")


def test_while_the_administrators_password_is_rotated_both_are_taken() -> None:
    old = f"mysql_native_password USING '{_native_verifier(VALUES['db_root_password'])}'"
    new = f"mysql_native_password USING '{_native_verifier('new')}'"
    for sql in (accounts_sql(ENV, "mariadb", VALUES), administrator_sql(VALUES)):
        assert f"ALTER USER root@localhost IDENTIFIED VIA {old};" in sql
    both = VALUES | {NEXT_ROOT_PASSWORD: "new"}
    for sql in (accounts_sql(ENV, "mariadb", both), administrator_sql(both)):
        assert f"ALTER USER root@localhost IDENTIFIED VIA {old} OR {new};" in sql
    # Neither a log that is replayed nor a replica gets what each start executes.
    assert administrator_sql(VALUES).startswith("SET sql_log_bin = 0;\n")
