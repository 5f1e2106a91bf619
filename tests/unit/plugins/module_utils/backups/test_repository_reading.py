from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import Reading
from ansible_collections.echobase.platform.plugins.module_utils.backups.repository_reading import due
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Damage

NOW = datetime(2026, 3, 10, 3, 10, tzinfo=UTC)
PARTS = [f"{number}/7" for number in range(1, 8)]


def days_ago(days: float, *damage: Damage) -> Reading:
    return Reading(NOW - timedelta(days=days), damage)


def test_a_run_a_day_reads_each_part_once_a_week() -> None:
    readings = {part: Reading(NOW) for part in PARTS}
    order = []
    for day in range(1, 15):
        now = NOW + timedelta(days=day)
        (part,) = due(PARTS, readings, 7, now)
        readings[part] = Reading(now)
        order.append(part)
    assert order == [*PARTS, *PARTS]


def test_the_first_run_begins_with_the_first() -> None:
    assert due(PARTS, {}, 7, NOW) == ["1/7"]
    assert due(["1/1"], {}, 7, NOW) == ["1/1"]


def test_after_a_pause_all_that_is_late_is_read() -> None:
    readings = {part: days_ago(30) for part in PARTS} | {"3/7": days_ago(1)}
    assert due(PARTS, readings, 7, NOW) == [part for part in PARTS if part != "3/7"]


def test_what_is_one_part_alone_is_read_when_its_time_has_come() -> None:
    assert due(["1/1"], {"1/1": days_ago(6)}, 7, NOW) == []
    # A run of every day comes a minute too early.
    assert due(["1/1"], {"1/1": days_ago(6.999)}, 7, NOW) == ["1/1"]
    assert due(["1/1"], {"1/1": days_ago(0)}, 0, NOW) == ["1/1"]


def test_what_was_damaged_is_looked_at_again_each_time() -> None:
    readings = {part: days_ago(1) for part in PARTS} | {"1/7": days_ago(3), "5/7": days_ago(0, Damage("pack 12345678 is damaged"))}
    assert due(PARTS, readings, 7, NOW) == ["1/7", "5/7"]


def test_less_than_none_is_refused() -> None:
    with pytest.raises(Refusal, match="read_days=-1 is no number of days"):
        due(PARTS, {}, -1, NOW)
