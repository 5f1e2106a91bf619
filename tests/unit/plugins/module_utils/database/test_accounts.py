from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import completed
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import (
    NEXT_ROOT_PASSWORD,
    accounts_digest,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.accounts import administrator_sql, native_verifier
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.accounts import scram_verifier
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

ENV = environment("test")
VALUES = completed({})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_secrets_give_the_same_sql_and_others_another_digest(engine: str) -> None:
    sql = engine_named(engine).accounts.sql(ENV, VALUES)
    assert engine_named(engine).accounts.sql(ENV, VALUES) == sql
    assert accounts_digest(sql) in sql.splitlines()[-1]
    other = engine_named(engine).accounts.sql(ENV, VALUES | {"db_app_password": "another"})
    assert accounts_digest(other) != accounts_digest(sql)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_password_is_in_it_and_each_statement_is_a_line(engine: str) -> None:
    sql = engine_named(engine).accounts.sql(ENV, VALUES)
    assert [name for name, value in VALUES.items() if value in sql] == []
    assert all(line.endswith(";") for line in sql.splitlines())
    assert sql.endswith(";\n")


def test_verifiers_are_those_of_the_servers() -> None:
    # As MariaDB's PASSWORD('password').
    assert native_verifier("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    assert scram_verifier("role", "word").startswith("SCRAM-SHA-256$4096:")
    assert scram_verifier("role", "word") != scram_verifier("other", "word")


def test_while_the_administrators_password_is_rotated_both_are_taken() -> None:
    old = f"mysql_native_password USING '{native_verifier(VALUES['db_root_password'])}'"
    new = f"mysql_native_password USING '{native_verifier('new')}'"
    for sql in (engine_named("mariadb").accounts.sql(ENV, VALUES), administrator_sql(VALUES)):
        assert f"ALTER USER root@localhost IDENTIFIED VIA {old};" in sql
    both = VALUES | {NEXT_ROOT_PASSWORD: "new"}
    for sql in (engine_named("mariadb").accounts.sql(ENV, both), administrator_sql(both)):
        assert f"ALTER USER root@localhost IDENTIFIED VIA {old} OR {new};" in sql
    # Neither a log that is replayed nor a replica gets what each start executes.
    assert administrator_sql(VALUES).startswith("SET sql_log_bin = 0;\n")
