"""What the tags of a repository's snapshots tell: which backups are whole, and how far the log continues them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.repository import MariadbRepository, microseconds, moment

FULL, FIRST, SECOND = "20261121-100000F", "20261121-100000F_20261121-110000I", "20261121-100000F_20261121-120000I"


def at(hour: int) -> str:
    return str(microseconds(datetime(2026, 11, 21, hour, tzinfo=UTC)))


def snapshot(identifier: str, /, **tags: str) -> dict[str, Any]:
    return {"id": identifier, "tags": [f"{key}={value}" for key, value in tags.items()]}


def backup(name: str, hour: int, log: int, *needs: str, server: str = "7") -> list[dict[str, Any]]:
    description = {
        "kind": "backup", "name": name, "needs": "+".join(needs), "stream": f"stream of {name}", "size": "5", "server": server,
        "log": f"mariadb-bin.{log:06d}", "number": str(log * 10), "lsn": "1", "started": at(hour), "consistent": at(hour),
    }  # fmt: skip
    return [snapshot(f"stream of {name}", kind="stream"), snapshot(f"description of {name}", **description)]


def stretch(first: int, final: int, hour: int, server: str = "7") -> dict[str, Any]:
    return snapshot(
        f"logs {first}-{final} of {server}", kind="binlog", server=server, first=f"mariadb-bin.{first:06d}",
        final=f"mariadb-bin.{final:06d}", before=str(first * 10), last=str(final * 10 + 9), until=at(hour),
    )  # fmt: skip


def three_backups() -> list[dict[str, Any]]:
    return [*backup(FULL, 10, 3), *backup(FIRST, 11, 5, FULL), *backup(SECOND, 12, 8, FULL, FIRST)]


def test_what_lacks_its_data_or_what_it_needs_is_no_backup() -> None:
    def names(snapshots: list[dict[str, Any]]) -> list[str]:
        return [entry.backup.name for entry in MariadbRepository(snapshots).described]

    assert names(three_backups()) == [FULL, FIRST, SECOND]
    assert names([one for one in three_backups() if one["id"] != f"stream of {FIRST}"]) == [FULL]
    assert names([one for one in three_backups() if one["id"] != f"description of {SECOND}"]) == [FULL, FIRST]


def test_the_log_reaches_as_far_as_it_has_no_hole() -> None:
    whole = [*three_backups(), stretch(1, 4, 11), stretch(5, 6, 12), stretch(7, 9, 13)]
    repository = MariadbRepository(whole)
    reach = repository.reach(repository.one(FULL))
    assert (reach.archive.until, reach.archive.gap, reach.last_transaction) == (moment(at(13)), "", 99)
    assert reach.stretches[0].logs(3) == ["mariadb-bin.000003", "mariadb-bin.000004"]
    holed = MariadbRepository([one for one in whole if not one["id"].startswith("logs 5-6")])
    archive = holed.reach(holed.one(FULL)).archive
    assert (archive.until, archive.gap) == (moment(at(11)), "the binary logs mariadb-bin.000005 to mariadb-bin.000006 are missing")
    assert holed.reach(holed.one(SECOND)).archive.gap == ""


def test_what_cannot_be_read_takes_along_what_needs_it() -> None:
    repository = MariadbRepository([*three_backups(), stretch(1, 4, 11), stretch(5, 6, 12), stretch(7, 9, 13)])
    assert repository.damaged("a pack", [f"stream of {FIRST}"]).backups == (FIRST, SECOND)
    assert repository.damaged("a pack", [f"stream of {FULL}"]).backups == (FULL, FIRST, SECOND)
    assert repository.damaged("a pack", [f"description of {FULL}"]).backups == ()
    assert repository.damaged("a pack", []).backups == ()
    of_the_log = repository.damaged("a pack", ["logs 5-6 of 7"])
    assert of_the_log.backups == ()
    assert of_the_log.what == (
        "a pack; with it the binary logs mariadb-bin.000005 to mariadb-bin.000006, so no moment after 2026-11-21 11:00:00"
        " before 2026-11-21 12:00:00 can be restored"
    )


def test_of_a_batch_that_grew_the_longest_counts() -> None:
    repository = MariadbRepository([*three_backups(), stretch(3, 9, 14), stretch(3, 4, 12), stretch(3, 5, 13)])
    assert repository.reach(repository.one(FULL)).archive.until == moment(at(14))


def test_the_log_of_another_data_directory_continues_nothing() -> None:
    repository = MariadbRepository([*backup(FULL, 10, 3), stretch(1, 9, 13, server="8")])
    archive = repository.reach(repository.one(FULL)).archive
    assert archive.until == moment(at(10))
    assert "nothing that was written since" in archive.gap


def test_what_goes_takes_along_the_log_that_only_it_needed() -> None:
    other = [*backup("20261120-100000F", 9, 2, server="6"), stretch(1, 9, 9, server="6")]
    killed = snapshot("stream of a killed one", kind="stream")
    repository = MariadbRepository([*other, *three_backups(), killed, stretch(1, 2, 10), stretch(3, 4, 11), stretch(3, 9, 14)])
    assert set(repository.snapshots_to_remove(["20261120-100000F"])) == {
        "stream of 20261120-100000F", "description of 20261120-100000F", "logs 1-9 of 6",
        "stream of a killed one", "logs 1-2 of 7", "logs 3-4 of 7",
    }  # fmt: skip
    assert "stream of a killed one" in repository.snapshots_to_remove([])
    with pytest.raises(Refusal, match="needs one that should be deleted"):
        repository.snapshots_to_remove([FULL])


def test_moments_keep_their_microseconds() -> None:
    exact = datetime(2026, 11, 21, 10, 0, 0, 123457, tzinfo=UTC)
    assert moment(microseconds(exact)) == exact


def test_where_a_clock_was_set_back_backups_come_in_the_order_of_what_they_hold() -> None:
    """The second one was taken while the clock was two hours ahead."""
    repository = MariadbRepository([*backup(FULL, 10, 3), *backup(FIRST, 13, 5, FULL), *backup(SECOND, 12, 8, FULL, FIRST)])
    names = [entry.backup.name for entry in repository.described]
    assert names == [FULL, FIRST, SECOND]
    strict = Retention(keep_full=1, keep_days=0, full_every_days=1)
    assert strict.expired([entry.backup for entry in repository.described], {FIRST}, datetime(2026, 11, 23, tzinfo=UTC)) == []


def test_where_a_clock_was_set_back_the_later_log_says_how_far_it_reaches() -> None:
    repository = MariadbRepository([*backup(FULL, 10, 3), stretch(1, 4, 11), stretch(5, 6, 23), stretch(7, 9, 13)])
    archive = repository.reach(repository.one(FULL)).archive
    assert (archive.until, archive.gap) == (moment(at(13)), "")
