"""What is laid down for those who only watch."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord, publish, share
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("devlocal", str(tmp_path))
    Path(env.home).mkdir()
    return env


def seen(env: Environment, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(env.path("metrics", name)).read_text())
    return content


def changes() -> Outcome:
    return Outcome(changed=True)


def fails() -> Outcome:
    raise Refusal("no room", "make some")


def test_a_ledger_has_a_second_name_that_follows_it(env: Environment) -> None:
    ledger = Ledger(Path(env.path("ledger.jsonl")))
    for event in ("deployed", "promoted"):
        ledger.append(new_entry(event, "blue", "0.1.0-1", {}))
        assert Path(env.path("metrics", "ledger.jsonl")).samefile(ledger.path)
    share(ledger.path)
    assert [file.name for file in Path(env.path("metrics")).iterdir()] == ["ledger.jsonl"]


def test_another_user_may_read_it_whatever_the_umask_is(env: Environment) -> None:
    publish(env, "packages.json", {"images": {}})
    file = Path(env.path("metrics", "packages.json"))
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o644, 0o755)


def test_work_is_told_while_it_runs_and_how_it_ended(env: Environment) -> None:
    def work() -> Outcome:
        assert seen(env, "operation-backup-mariadb.json")["running_since"]
        return Outcome(changed=True)

    assert OperationRecord(env, "backup", "mariadb").of(work).changed
    with pytest.raises(Refusal):
        OperationRecord(env, "backup", "mariadb").of(fails)
    OperationRecord(env, "backup", "mariadb").of(changes)
    told = seen(env, "operation-backup-mariadb.json")
    assert (told["operation"], told["engine"], told["running_since"]) == ("backup", "mariadb", None)
    assert {outcome: last["count"] for outcome, last in told["last"].items()} == {"succeeded": 2, "failed": 1}


def test_work_that_had_nothing_to_do_does_not_count(env: Environment) -> None:
    OperationRecord(env, "restore", "mariadb").of(lambda: Outcome(changed=False))
    assert seen(env, "operation-restore-mariadb.json")["last"] == {}
    assert seen(env, "operation-restore-mariadb.json")["running_since"] is None


def test_quick_work_that_had_nothing_to_do_leaves_no_trace(env: Environment) -> None:
    OperationRecord(env, "expand", "mariadb").of_quick(lambda: Outcome(changed=False))
    assert not Path(env.path("metrics")).exists()
    OperationRecord(env, "expand", "mariadb").of_quick(changes)
    assert seen(env, "operation-expand-mariadb.json")["last"]["succeeded"]["count"] == 1


def test_a_damaged_record_begins_anew(env: Environment) -> None:
    publish(env, "operation-backup-mariadb.json", {"last": {"succeeded": {}}})
    OperationRecord(env, "backup", "mariadb").of(changes)
    assert seen(env, "operation-backup-mariadb.json")["last"]["succeeded"]["count"] == 1


def test_what_cannot_be_told_stops_nobody(env: Environment) -> None:
    # A file is where the folder should be.
    Path(env.path("metrics")).touch()
    assert OperationRecord(env, "backup", "mariadb").of(changes).changed
    Ledger(Path(env.path("ledger.jsonl"))).append(new_entry("deployed", "blue", "0.1.0-1", {}))
    assert len(Ledger(Path(env.path("ledger.jsonl"))).entries()) == 1


def test_an_environment_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    publish(environment("ci", str(tmp_path)), "packages.json", {})
    assert list(tmp_path.iterdir()) == []
