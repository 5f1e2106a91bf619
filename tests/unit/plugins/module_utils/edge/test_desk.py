from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeError
from ansible_collections.echobase.platform.plugins.module_utils.edge.desk import OperatorsDesk
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders away")


def desk_in(folder: Path, exists: bool = True) -> OperatorsDesk:
    container = SimpleNamespace(name="echobase-test-desk", exists=lambda: exists, is_ours=lambda: False, last_words=lambda: "no such key")
    return OperatorsDesk(environment("test", str(folder)), container)  # type: ignore[arg-type]


def described(outcome: Outcome) -> Any:
    return SimpleNamespace(ensure=lambda seconds, check: outcome)


NOTHING = Outcome(changed=False, facts={"steps": []})


def test_its_folders_belong_to_it_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    predicted = desk_in(tmp_path).ensure(described(NOTHING), 5, check=True)
    assert not (tmp_path / "test" / "desk").exists()
    done = desk_in(tmp_path).ensure(described(NOTHING), 5, check=False)
    assert predicted.facts == done.facts == {"steps": [f"give folder {name} to those who need it alone" for name in ("desk", "edge-log")]}
    assert predicted.changed and done.changed
    sessions = (tmp_path / "test" / "desk").stat()
    assert (sessions.st_uid, sessions.st_gid, f"{sessions.st_mode & 0o7777:o}") == (10001, 10001, "700")
    assert desk_in(tmp_path).ensure(described(NOTHING), 5, check=False) == replace(NOTHING)


def test_sessions_that_others_could_read_are_closed_again(tmp_path: Path) -> None:
    desk_in(tmp_path).ensure(described(NOTHING), 5, check=False)
    (tmp_path / "test" / "desk").chmod(0o755)
    assert desk_in(tmp_path).ensure(described(NOTHING), 5, check=False).facts["steps"] == ["give folder desk to those who need it alone"]


@pytest.mark.parametrize(("exists", "told"), [(True, "is not healthy after 5 s: no such key - see `docker logs"), (False, "no such image")])
def test_a_desk_that_does_not_start_tells_its_last_words(tmp_path: Path, exists: bool, told: str) -> None:
    def fail(seconds: int, check: bool) -> Outcome:
        raise ComposeError("docker compose up failed: no such image", "see its config", "", 1)

    with pytest.raises(Refusal, match=told):
        desk_in(tmp_path, exists).ensure(SimpleNamespace(ensure=fail), 5, check=False)  # type: ignore[arg-type]


def test_a_container_that_is_not_ours_stays_when_the_desk_goes(tmp_path: Path) -> None:
    desk_in(tmp_path).ensure(described(NOTHING), 5, check=False)
    assert desk_in(tmp_path).remove(check=True).facts["steps"] == ["remove desk"]
    assert desk_in(tmp_path).remove(check=False).changed
    assert not desk_in(tmp_path).remove(check=False).changed
    assert (tmp_path / "test" / "edge-log").is_dir()
