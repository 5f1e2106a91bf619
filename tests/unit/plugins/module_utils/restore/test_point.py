from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.restore.point import Candidate, choose, parse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def candidate(name: str, begin: int, end: int, gap: str = "") -> Candidate:
    """Minutes after noon between which it can be restored."""
    taken = NOON + timedelta(minutes=begin)
    return Candidate(Backup(name, "full", (), taken, taken, 1), Archive(NOON + timedelta(minutes=end), gap))


def names(chosen: list[Candidate]) -> list[str]:
    return [one.backup.name for one in chosen]


OLD, MIDDLE, NEW = candidate("old", 0, 20, "segment 7 is missing"), candidate("middle", 30, 60), candidate("new", 45, 60)
ALL = [OLD, MIDDLE, NEW]


def test_a_point_is_latest_a_moment_a_mark_or_a_generation() -> None:
    assert parse("latest").point == Point()
    assert parse("2026-03-01T14:00:00+02:00").point == Point(moment=NOON)
    assert parse("2026-03-01T12:00:00Z").point == Point(moment=NOON)
    assert parse("mark-20260301T120000").point == Point(mark="mark-20260301T120000")
    assert parse("000001").generation == "000001"


def test_a_moment_of_no_zone_is_refused() -> None:
    with pytest.raises(Refusal, match=r"could be many moments.*2026-03-01T12:00:00Z is UTC"):
        parse("2026-03-01T12:00:00")


def test_the_newest_that_leads_there_is_tried_first() -> None:
    assert names(choose(parse("2026-03-01T12:50:00Z"), ALL, {})) == ["new", "middle"]
    assert names(choose(parse("2026-03-01T12:40:00Z"), ALL, {})) == ["middle"]
    assert names(choose(parse("2026-03-01T12:10:00Z"), ALL, {})) == ["old"]
    assert names(choose(parse("latest"), ALL, {})) == ["new", "middle", "old"]


def test_latest_is_where_the_archive_leads_furthest() -> None:
    assert names(choose(parse("latest"), [candidate("a", 0, 50), candidate("b", 30, 40, "a gap")], {})) == ["a", "b"]


def test_a_known_mark_is_its_moment_and_an_unknown_one_may_be_anywhere() -> None:
    assert names(choose(parse("m"), ALL, {"m": NOON + timedelta(minutes=10)})) == ["old"]
    assert names(choose(parse("m"), ALL, {})) == ["new", "middle", "old"]


@pytest.mark.parametrize("moment", ["11:59:59", "12:25:00", "13:00:01"])
def test_beyond_the_archive_it_says_what_is_possible(moment: str) -> None:
    with pytest.raises(Refusal) as refused:
        choose(parse(f"2026-03-01T{moment}Z"), ALL, {})
    assert refused.value.remedy == (
        "they can restore 2026-03-01T12:00:00+00:00 to 2026-03-01T12:20:00+00:00 (then segment 7 is missing),"
        " and 2026-03-01T12:30:00+00:00 to 2026-03-01T13:00:00+00:00"
    )


def test_without_any_backup_it_says_so() -> None:
    with pytest.raises(Refusal, match="there is no backup"):
        choose(parse("latest"), [], {})
