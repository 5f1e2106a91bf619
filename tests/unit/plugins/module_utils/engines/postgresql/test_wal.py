"""What the archive of a PostgreSQL server's log can be followed to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.wal import (
    SEGMENT_BYTES,
    ArchivedFile,
    Line,
    Segment,
    WalArchive,
    histories_in,
    line_of,
    position,
    segments_in,
)

BEGIN = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND_LINE = Line(2, ((1, 5 * SEGMENT_BYTES + 100),))


def archive(*names: tuple[int, int]) -> WalArchive:
    """Each archived a minute after the one before."""
    files = {Segment(*name): ArchivedFile("", BEGIN + timedelta(minutes=minute)) for minute, name in enumerate(names)}
    return WalArchive(files, {1: Line(1), 2: SECOND_LINE})


@pytest.mark.parametrize("name", ["000000010000000000000003", "0000000200000001000000FF", "0000000A0000000F00000000"])
def test_a_segment_is_its_name(name: str) -> None:
    assert Segment.named(name).name == name


def test_the_last_segment_of_a_name_is_followed_by_the_first_of_the_next() -> None:
    last = Segment.named("0000000100000000000000FF")
    assert Segment(1, last.number + 1).name == "000000010000000100000000"


@pytest.mark.parametrize("name", ["00000002.history", "000000010000000000000003.partial", "archive.info", ""])
def test_what_is_no_segment_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no segment"):
        Segment.named(name)


def test_a_position_is_one_number() -> None:
    assert position("1/5000148") == 2**32 + 0x5000148


def test_a_listing_holds_segments_and_histories() -> None:
    listing: dict[str, dict[str, Any]] = {
        ".": {"type": "path"},
        "0000000100000000": {"type": "path"},
        "0000000100000000/000000010000000000000003-" + "a" * 40 + ".zst": {"type": "file", "time": BEGIN.timestamp()},
        "0000000100000000/000000010000000000000004.partial-" + "a" * 40 + ".zst": {"type": "file", "time": BEGIN.timestamp()},
        "0000000100000000/000000010000000000000003.00000028.backup": {"type": "file", "time": BEGIN.timestamp()},
        "00000002.history": {"type": "file", "time": BEGIN.timestamp()},
    }
    (segment,) = segments_in(listing, "archive/durable/17-1").items()
    assert segment[0] == Segment(1, 3)
    assert segment[1].path.startswith("archive/durable/17-1/0000000100000000/000000010000000000000003-")
    assert segment[1].at == BEGIN
    assert histories_in(listing, "archive") == {2: "archive/00000002.history"}


def test_a_history_tells_where_each_timeline_was_left() -> None:
    text = "1\t0/5000064\tbefore 2026-11-21 12:00:00\n\n# a note\n2\t0/9000000\tno recovery target specified\n"
    assert line_of(3, text) == Line(3, ((1, 0x5000064), (2, 0x9000000)))


def test_a_fork_lies_in_the_newer_timelines_segment() -> None:
    assert [SECOND_LINE.segment(number).timeline for number in (4, 5, 6)] == [1, 2, 2]


def test_only_a_timeline_that_left_after_the_backup_leads_on_from_it() -> None:
    known = archive()
    assert known.timelines_after(1, 5 * SEGMENT_BYTES) == [1, 2]
    assert known.timelines_after(1, 6 * SEGMENT_BYTES) == [1]
    assert known.timelines_after(2, 6 * SEGMENT_BYTES) == [2]


def test_an_unbroken_log_reaches_its_end() -> None:
    reach = archive((1, 3), (1, 4), (2, 5), (2, 6)).reach(3, SECOND_LINE)
    assert (reach.last, reach.missing) == (Segment(2, 6), "")


def test_a_gap_is_told_by_the_first_segment_that_is_missing() -> None:
    reach = archive((1, 3), (2, 5), (2, 6)).reach(3, SECOND_LINE)
    assert (reach.last, reach.missing) == (Segment(1, 3), Segment(1, 4).name)


def test_the_older_timelines_segments_after_the_fork_are_no_part_of_the_line() -> None:
    reach = archive((1, 3), (1, 4), (1, 5), (1, 6)).reach(3, SECOND_LINE)
    assert (reach.last, reach.missing) == (Segment(1, 4), "")


def test_without_the_first_segment_there_is_nothing() -> None:
    reach = archive((1, 4)).reach(3, Line(1))
    assert (reach.last, reach.missing) == (None, Segment(1, 3).name)


def test_the_timeline_of_a_moment_is_the_one_that_was_written_then() -> None:
    """Timeline 2 began after segment 5 of timeline 1, and timeline 1 was served again in the end."""
    known = archive((1, 4), (1, 5), (2, 5), (2, 6), (1, 6))
    timelines = [known.timeline_at(BEGIN + timedelta(minutes=minute, seconds=-30), (1, 2)) for minute in range(6)]
    assert timelines == [1, 1, 2, 2, 1, 1]
    assert known.timeline_at(None, (1, 2)) == 1
    assert known.timeline_at(None, (2,)) == 2
