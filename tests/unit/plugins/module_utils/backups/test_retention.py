from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup

NOW = datetime(2026, 3, 31, 3, 0, tzinfo=UTC)
SHORT = Retention(keep_full=1, keep_days=0, full_every_days=7)


def full(name: str, days: float) -> Backup:
    taken = NOW - timedelta(days=days)
    return Backup(name, "full", (), taken, taken, 1)


def incremental(name: str, days: float, *needs: str) -> Backup:
    taken = NOW - timedelta(days=days)
    return Backup(name, "incremental", needs, taken, taken, 1)


@pytest.mark.parametrize(
    ("backups", "kind"),
    [
        ([], "full"),
        ([full("a", 6.9)], "incremental"),
        ([full("a", 7)], "full"),
        ([full("a", 8), incremental("b", 1, "a")], "full"),
        ([full("a", 20), full("b", 2), incremental("c", 1, "b")], "incremental"),
    ],
)
def test_a_full_one_is_taken_when_there_is_no_young_one(backups: list[Backup], kind: str) -> None:
    assert SHORT.next_kind(backups, NOW) == kind


def test_nothing_goes_while_nothing_is_proved() -> None:
    assert SHORT.expired([full("a", 90), full("b", 60), full("c", 1)], set(), NOW) == []
    # A proof of a backup that is gone proves nothing.
    assert SHORT.expired([full("a", 90), full("b", 60)], {"gone"}, NOW) == []


def test_the_newest_proved_one_stays_however_old_it_is() -> None:
    backups = [full("a", 90), full("b", 60), full("c", 30), full("d", 1)]
    assert SHORT.expired(backups, {"b"}, NOW) == ["a"]
    assert SHORT.expired(backups, {"d"}, NOW) == ["a", "b", "c"]


def test_what_came_after_the_newest_proof_stays() -> None:
    assert "c" not in SHORT.expired([full("a", 90), full("b", 60), full("c", 30), full("d", 20)], {"b"}, NOW)


def test_what_a_kept_one_needs_stays() -> None:
    backups = [full("a", 30), incremental("b", 29, "a"), incremental("c", 28, "a", "b"), full("d", 20)]
    # Nothing needs b and c but themselves; c is what leads to the moment the window begins.
    assert Retention(1, 25, 7).expired([*backups, full("e", 1)], {"e"}, NOW) == []
    assert SHORT.expired([*backups, full("e", 1)], {"e"}, NOW) == ["a", "b", "c", "d"]
    assert SHORT.expired(backups[:3], {"c"}, NOW) == []


def test_each_moment_of_the_days_that_are_kept_stays_reachable() -> None:
    backups = [full(str(days), days) for days in range(40, 0, -5)]
    kept = Retention(keep_full=1, keep_days=14, full_every_days=7)
    assert kept.expired(backups, {"5"}, NOW) == ["40", "35", "30", "25", "20"]


def test_so_many_full_ones_stay() -> None:
    backups = [full(str(days), days) for days in range(40, 0, -5)]
    assert Retention(keep_full=3, keep_days=0, full_every_days=7).expired(backups, {"5"}, NOW) == ["40", "35", "30", "25", "20"]


@pytest.mark.parametrize("wrong", [(0, 14, 7), (1, -1, 7), (1, 14, 0)])
def test_a_wish_that_keeps_nothing_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(Refusal, match="keep nothing"):
        Retention(*wrong)


def test_whatever_is_wished_a_proved_backup_stays_restorable() -> None:
    chain = [
        full("a", 50),
        incremental("b", 40, "a"),
        incremental("c", 35, "a", "b"),
        full("d", 30),
        incremental("e", 20, "d"),
        full("f", 5),
    ]
    for keep_full in range(1, 4):
        for keep_days in (0, 10, 33, 60):
            for count in range(1, len(chain) + 1):
                for proved in chain[:count]:
                    expired = Retention(keep_full, keep_days, 7).expired(chain[:count], {proved.name}, NOW)
                    left = {backup.name for backup in chain[:count]} - set(expired)
                    assert {proved.name, *proved.needs} <= left
                    assert all(set(backup.needs) <= left for backup in chain if backup.name in left)
