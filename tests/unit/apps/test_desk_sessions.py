from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators_desk.sessions import Session, Sessions

ANNA = Session("anna", "of-her-password")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Iterator[Sessions]:
    sessions = Sessions(tmp_path / "sessions.sqlite", longest=1000, longest_idle=100, clock=clock)
    yield sessions
    sessions.close()


def test_a_session_is_found_by_its_id_alone(sessions: Sessions) -> None:
    session_id = sessions.begin(ANNA, "192.0.2.1")
    assert sessions.find(session_id) == ANNA
    assert len(session_id) == 43
    assert sessions.begin(ANNA, "192.0.2.1") != session_id
    for wrong in ("", "x", session_id[:-1], session_id + "A"):
        assert sessions.find(wrong) is None


def test_what_is_stored_opens_nothing(sessions: Sessions, tmp_path: Path) -> None:
    session_id = sessions.begin(ANNA, "192.0.2.1")
    file = tmp_path / "sessions.sqlite"
    assert session_id.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(file) as database:
        (stored,) = database.execute("SELECT id_hash FROM sessions").fetchone()
    assert sessions.find(stored) is None


def test_an_ended_session_is_gone_and_others_stay(sessions: Sessions) -> None:
    first, second = sessions.begin(ANNA, "192.0.2.1"), sessions.begin(ANNA, "192.0.2.1")
    sessions.end(first)
    assert sessions.find(first) is None
    assert sessions.find(second) == ANNA


def test_sessions_end_with_the_account_or_its_password(sessions: Sessions) -> None:
    bert, carl = Session("bert", "of-his-password"), Session("carl", "of-his-password")
    ids = {one: sessions.begin(one, "192.0.2.1") for one in (ANNA, bert, carl)}
    # Anna's password is another one and Carl's account is gone. What it was before opens nothing, even if it comes back.
    sessions.end_outdated({"anna": "another", "bert": bert.credential})
    sessions.end_outdated({one.operator: one.credential for one in ids})
    assert [sessions.find(ids[one]) for one in ids] == [None, bert, None]


def test_an_idle_session_expires_and_a_used_one_does_not(sessions: Sessions, clock: Clock) -> None:
    idle, used = sessions.begin(ANNA, "192.0.2.1"), sessions.begin(ANNA, "192.0.2.1")
    clock.now += 60
    assert sessions.find(used) == ANNA
    clock.now += 60
    assert sessions.find(idle) is None
    assert sessions.find(used) == ANNA


def test_no_session_lives_longer_than_the_longest(sessions: Sessions, clock: Clock) -> None:
    session_id = sessions.begin(ANNA, "192.0.2.1")
    for _ in range(19):
        clock.now += 50
        assert sessions.find(session_id) == ANNA
    clock.now += 50
    assert sessions.find(session_id) is None


def test_sessions_survive_a_restart_and_dead_ones_are_swept(tmp_path: Path, sessions: Sessions, clock: Clock) -> None:
    dead = sessions.begin(ANNA, "192.0.2.1")
    clock.now += 150
    alive = sessions.begin(ANNA, "192.0.2.1")
    sessions.close()
    again = Sessions(tmp_path / "sessions.sqlite", longest=1000, longest_idle=100, clock=clock)
    assert again.find(alive) == ANNA
    assert again.find(dead) is None
    again.close()
    with sqlite3.connect(tmp_path / "sessions.sqlite") as database:
        assert database.execute("SELECT COUNT(*) FROM sessions").fetchone() == (1,)


def test_an_address_is_familiar_for_a_month(sessions: Sessions, clock: Clock) -> None:
    assert not sessions.is_familiar("anna", "192.0.2.1")
    sessions.begin(ANNA, "192.0.2.1")
    assert sessions.is_familiar("anna", "192.0.2.1")
    assert not sessions.is_familiar("anna", "192.0.2.2")
    assert not sessions.is_familiar("bert", "192.0.2.1")
    clock.now += 31 * 86400
    assert not sessions.is_familiar("anna", "192.0.2.1")


def test_a_damaged_store_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "damaged.sqlite"
    file.write_bytes(b"this is no database at all" * 100)
    sessions = Sessions(file, 1000, 100)
    assert sessions.find(sessions.begin(ANNA, "192.0.2.1")) == ANNA
    assert "is damaged" in caplog.text
    sessions.close()


def test_a_store_that_cannot_be_opened_is_not_thrown_away(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Sessions(tmp_path / "no-such-folder" / "sessions.sqlite", 1000, 100)
