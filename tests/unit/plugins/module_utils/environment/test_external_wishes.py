from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import external_problems, refuse_problems

GOOD: dict[str, Any] = {
    "host": "db.example.com",
    "name": "shop",
    "ca_file": "authority.crt",
    "users": {"app": {"name": "shop_app", "password_file": "a"}, "migrate": {"name": "shop_migrate", "password": "b"}},
}


def problems(changes: dict[str, Any] | None = None, engine: str = "mariadb", database: str = "external", **others: Any) -> list[str]:
    return [str(problem) for problem in external_problems(database, GOOD | (changes or {}), engine, others)]


def test_a_whole_description_has_no_problem() -> None:
    assert problems() == []
    assert problems({"port": 25060, "address": "203.0.113.7"}, "postgresql", durable_db_replica=False, durable_db_settings={}) == []


def test_a_database_of_ones_own_is_not_asked_about_another() -> None:
    assert problems({"host": ""}, database="own", durable_db_replica=True) == []
    assert problems(database="externl") == ["echobase_database is 'externl' - say own or external"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"host": ""}, "host is missing"),
        ({"host": "203.0.113.7"}, "host is 203.0.113.7, an address"),
        ({"host": "no name"}, "is no name of a host"),
        ({"host": "localhost"}, "which is another machine in every container"),
        ({"address": "db.internal"}, "is no address"),
        ({"address": "127.0.0.1"}, "which no container reaches"),
        ({"port": "mysql"}, "is no port"),
        ({"port": 70000}, "is no port"),
        ({"ca_file": ""}, "names no authority"),
        ({"name": "shop; DROP"}, "give the name of the database"),
        ({"users": {"app": GOOD["users"]["app"]}}, "users.migrate.name is ''"),
        ({"users": GOOD["users"] | {"app": {"name": "shop_app"}}}, "users.app has no password"),
        ({"users": {"app": GOOD["users"]["app"], "migrate": GOOD["users"]["app"]}}, "has one account, shop_app"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(changes: dict[str, Any], told: str) -> None:
    found = problems(changes)
    assert any(told in problem for problem in found), found
    assert all("echobase_external_database" in problem and " - " in problem and "\n" not in problem for problem in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("durable_db_replica", True),
        ("durable_db_backup_schedule", "03:00"),
        ("durable_db_backup_target", "s3://backups/shop"),
        ("durable_db_version", "10.11"),
        ("durable_db_settings", {"max_connections": 5}),
    ],
)
def test_what_takes_a_server_of_our_own_does_not_go_together_with_it(name: str, value: object) -> None:
    [problem] = problems(**{name: value})
    assert problem.startswith(f"{name} is set, and echobase_database is external: ")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        refuse_problems(external_problems("external", {}, "oracle", {}))
    for word in ("oracle", "host is missing", "authority", ".name is ''", "users.app", "users.migrate"):
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)
