from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.status.observability import observed_by
from harness.otlp_sink import otlp_sink


def lines(folder: Path, is_wanted: bool = True, **states: str) -> list[str]:
    env = environment("devlocal", str(folder))
    if is_wanted:
        path = Path(env.path("compose/observability.yml"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("services: {}\n")
    found = [{"Labels": {"com.docker.compose.service": service}, "State": state} for service, state in states.items()]
    docker = SimpleNamespace(api=SimpleNamespace(containers=lambda **asked: found))
    return observed_by(docker, env)  # type: ignore[arg-type]


def test_all_that_runs_is_told_with_where_to_look(tmp_path: Path) -> None:
    assert lines(tmp_path, prometheus="running", collector="running", jaeger="running") == [
        "OBSERVED  by 3 containers, at https://localhost:1443 /prometheus/ /jaeger/"
    ]


def test_what_does_not_run_is_named_with_what_to_type(tmp_path: Path) -> None:
    told, remedy = lines(tmp_path, prometheus="running", jaeger="exited", collector="restarting")
    assert told == "OBSERVED  NOT BY ALL: collector is restarting, jaeger is exited"
    assert remedy.strip() == "`playbooks/observability.yml` brings it back"


def test_all_of_it_may_be_gone(tmp_path: Path) -> None:
    assert lines(tmp_path)[0] == "OBSERVED  NOT BY ALL: nothing runs"


@pytest.mark.parametrize("states", [{}, {"left": "running"}])
def test_where_it_is_switched_off_nothing_is_told(tmp_path: Path, states: dict[str, str]) -> None:
    assert lines(tmp_path, is_wanted=False, **states) == []


def test_a_backend_of_the_users_own_is_named_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "devlocal" / "observability"
    folder.mkdir(parents=True)
    with otlp_sink() as sink:
        (folder / "backend.json").write_text(json.dumps({"endpoint": sink.url}))
        assert lines(tmp_path, collector="running") == [f"OBSERVED  by 1 containers, for {sink.url}"]
    told, why = lines(tmp_path, collector="running")
    assert told == f"OBSERVED  by 1 containers, for {sink.url}, IN VAIN"
    assert "Connection refused" in why
