from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import ChangeStep, GenerationChange, GenerationJournal, Kind

BEGAN = datetime(2026, 3, 1, 12, 31, 6, tzinfo=UTC)
CHANGE = GenerationChange(
    Kind.RESTORE, ChangeStep.SWAPPING, "mariadb", BEGAN, "000002", "000001", to="latest", backup="20260301F", builds=True
)


@pytest.fixture
def journal(tmp_path: Path) -> GenerationJournal:
    return GenerationJournal(environment("test", str(tmp_path)))


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_is_read(journal: GenerationJournal, kind: Kind) -> None:
    assert journal.read() is None
    written = replace(CHANGE, kind=kind)
    assert journal.write(written) == written == journal.read()
    journal.remove()
    assert journal.read() is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Kind.RESTORE, "a restore to latest was cut off while swapping: nobody can write - `playbooks/restore.yml"),
        (Kind.UPGRADE, "an upgrade to latest was cut off while swapping: nobody can write - `playbooks/upgrade.yml"),
        (Kind.PROMOTION, "the promotion of the replica was cut off while swapping: nobody can write - `playbooks/promote_replica.yml"),
        (Kind.NEW_KEY, "the change of the data's key was cut off while swapping: nobody can write - `playbooks/rotate_secrets.yml"),
    ],
)
def test_one_that_was_cut_off_stands_in_the_way_and_says_how_it_goes_on(journal: GenerationJournal, kind: Kind, told: str) -> None:
    journal.write(replace(CHANGE, kind=kind))
    for kinds in ((), (kind,)):
        with pytest.raises(Refusal, match=told):
            journal.refuse_under_way(*kinds)
    journal.refuse_under_way(next(other for other in Kind if other is not kind))
    journal.write(replace(CHANGE, kind=kind, step=ChangeStep.LIVE))
    journal.refuse_under_way()


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"to": "latest", "backup": "20260301F"}, {"kind": Kind.RESTORE, "to": "latest", "backup": "20260301F", "builds": True}),
        ({"to": "000001", "backup": ""}, {"kind": Kind.RESTORE, "to": "000001", "backup": "", "builds": False}),
        ({"to": "the replica", "backup": ""}, {"kind": Kind.PROMOTION, "to": "", "backup": "", "builds": False}),
        ({"to": "a new key", "backup": "the served data"}, {"kind": Kind.NEW_KEY, "to": "", "backup": "", "builds": True}),
        (
            {"to": "mariadb 11.8", "backup": "a copy of generation 000001", "major": "11.8", "previous_major": "10.11"},
            {"kind": Kind.UPGRADE, "to": "mariadb 11.8", "backup": "", "builds": True, "major": "11.8", "previous_major": "10.11"},
        ),
    ],
)
def test_one_from_before_there_were_kinds_goes_on(journal: GenerationJournal, before: dict[str, Any], now: dict[str, Any]) -> None:
    common = {"generation": "000002", "previous": "000001", "rows": 7, "discarded": 2, "unknown": "", "major": "", "previous_major": ""}
    journal.folder.mkdir(parents=True)
    content = {"step": "swapping", "engine": "mariadb", "began": BEGAN.isoformat(), **common, **before}
    (journal.folder / "restore.json").write_text(json.dumps(content))
    assert journal.read() == replace(CHANGE, rows=7, discarded=2, **now)


def test_an_older_one_yet_has_fewer_fields(journal: GenerationJournal) -> None:
    journal.folder.mkdir(parents=True)
    content = {"step": "swapping", "engine": "mariadb", "to": "latest", "began": BEGAN.isoformat()}
    (journal.folder / "restore.json").write_text(json.dumps(content | {"generation": "000002", "previous": "000001"}))
    assert journal.read() == replace(CHANGE, backup="", builds=False)


@pytest.mark.parametrize("text", ["{", "{}", '{"kind": "dance"}', "[]"])
def test_a_damaged_one_is_not_guessed_at(journal: GenerationJournal, text: str) -> None:
    journal.folder.mkdir(parents=True)
    (journal.folder / "restore.json").write_text(text)
    with pytest.raises(Refusal, match=r"restore\.json is damaged"):
        journal.read()
