from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.acknowledged import NOBODY_TOLD, Acknowledged
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights

LIST = Acknowledged("SELECT id, at FROM bookings;\n")


def server(rows: list[list[str]] | Refusal, tables: str = "3") -> ServerConsole:
    def listed(sql: str) -> Iterator[list[str]]:
        assert sql == "READING: SELECT id, at FROM bookings"
        if isinstance(rows, Refusal):
            raise rows
        yield from rows

    statements = SimpleNamespace(count_tables="HOW MANY TABLES", only_read="READING: {statement}")
    return cast(ServerConsole, SimpleNamespace(engine=SimpleNamespace(statements=statements), query=lambda _: [[tables]], rows=listed))


def test_what_only_one_of_two_servers_has_is_counted_and_kept(tmp_path: Path) -> None:
    kept, lost = tmp_path / "kept", tmp_path / "durable" / "lost.tsv"
    assert LIST.write_ids(server([["b 2", "noon"], ["a", "dawn"]]), kept) == ""
    assert LIST.discarded(server([["c", "dusk"], ["b 2", "noon"], ["a", "dawn"]]), lost, kept) == (1, "")
    assert lost.read_text() == "c\tdusk\n"
    assert lost.stat().st_mode & 0o777 == 0o600


def test_a_database_without_tables_has_acknowledged_nothing(tmp_path: Path) -> None:
    assert LIST.write_ids(server(Refusal("no such table", "-"), tables="0"), tmp_path / "kept") == ""
    assert (tmp_path / "kept").read_text() == ""


def test_who_did_not_tell_or_told_wrongly_stops_no_restore(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert Acknowledged("").write_ids(server([]), kept) == NOBODY_TOLD
    assert Acknowledged("").discarded(server([]), tmp_path / "lost", kept) == (0, NOBODY_TOLD)
    broken = server(Refusal("no such column: at", "-"))
    assert "no such column: at" in LIST.write_ids(broken, kept)
    assert not kept.exists()
    assert "is missing, so nobody knows" in LIST.discarded(server([]), tmp_path / "lost", kept)[1]
    kept.touch()
    assert "so nobody knows what would be lost: no such column" in LIST.discarded(broken, tmp_path / "lost", kept)[1]


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment("test", str(tmp_path))


def store(env: Environment, colour: str, acknowledged: Any) -> None:
    block = {"routes": {"/": "web:80"}, "database": {"engine": "postgresql", "acknowledged": acknowledged}}
    definition = Definition.of({"services": {"web": {"image": "web"}}, "x-echobase": block})
    stored = StoredDefinitions(env)
    stored.write(colour, stored.text(definition.project, "1", "1", {"web": "web"}))


def test_the_release_that_serves_says_what_it_acknowledged(env: Environment) -> None:
    assert Acknowledged.by_live_release(env, "postgresql") == Acknowledged("")
    store(env, "blue", "SELECT 1")
    assert Acknowledged.by_live_release(env, "postgresql") == Acknowledged("SELECT 1")
    store(env, "green", "SELECT 2")
    routes = NginxRoutes(env.path("routes"))
    routes.initialise()
    routes.commit(routes.prepare(Weights.all_to("green")))
    assert Acknowledged.by_live_release(env, "postgresql") == Acknowledged("SELECT 2")
    assert Acknowledged.by_live_release(env, "mariadb") == Acknowledged("")
