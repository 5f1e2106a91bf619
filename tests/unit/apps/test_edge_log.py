from __future__ import annotations

import threading
from pathlib import Path

import pytest

from operators_desk import edge_log
from operators_desk.edge_log import EdgeLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_lines_of_before_are_not_read_again(path: Path) -> None:
    append(path, "old\nolder\n")
    log = EdgeLog(path)
    append(path, "new\n")
    assert list(log.lines()) == [b"new"]
    assert list(log.lines()) == []


def test_a_line_that_was_half_written_at_the_start_is_read_as_a_whole(path: Path) -> None:
    append(path, "old\nha")
    log = EdgeLog(path)
    append(path, "lf\n")
    assert list(log.lines()) == [b"half"]


def test_a_line_in_the_making_waits_for_its_end(path: Path) -> None:
    append(path, "")
    log = EdgeLog(path)
    append(path, "one\ntw")
    assert list(log.lines()) == [b"one"]
    append(path, "o\n")
    assert list(log.lines()) == [b"two"]


def test_a_log_that_appears_later_is_read_from_its_beginning(path: Path) -> None:
    log = EdgeLog(path)
    assert (list(log.lines()), log.is_readable) == ([], False)
    append(path, "first\n")
    assert (list(log.lines()), log.is_readable) == ([b"first"], True)


def test_a_renamed_log_is_read_to_its_end_and_beyond_its_successors_beginning(path: Path) -> None:
    append(path, "")
    log = EdgeLog(path)
    renamed = path.with_suffix(".1")
    append(path, "1\n")
    path.rename(renamed)
    append(renamed, "2\n")
    assert list(log.lines()) == [b"1", b"2"]
    append(path, "3\n")
    append(renamed, "4\n")
    assert sorted(log.lines()) == [b"3", b"4"]
    append(renamed, "5\n")
    append(path, "6\n")
    assert sorted(log.lines()) == [b"5", b"6"]


def test_a_renamed_log_is_let_go_when_it_is_quiet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, "")
    log = EdgeLog(path)
    renamed = path.with_suffix(".1")
    path.rename(renamed)
    append(path, "1\n")
    assert list(log.lines()) == [b"1"]
    monkeypatch.setattr(edge_log, "_FAREWELL_SECONDS", -1.0)
    assert list(log.lines()) == []
    append(renamed, "too late\n")
    append(path, "2\n")
    assert list(log.lines()) == [b"2"]


def test_a_truncated_log_begins_anew(path: Path) -> None:
    append(path, "")
    log = EdgeLog(path)
    append(path, "a long line\nand a h")
    assert list(log.lines()) == [b"a long line"]
    path.write_text("x\n")
    assert list(log.lines()) == [b"x"]


def test_what_is_not_read_yet_is_known(path: Path) -> None:
    append(path, "old\n")
    log = EdgeLog(path)
    append(path, "12345\n")
    assert log.unread_bytes == 6
    list(log.lines())
    assert log.unread_bytes == 0


def test_a_backlog_is_read_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_log, "_PIECE", 10)
    monkeypatch.setattr(edge_log, "_AT_A_TIME", 20)
    append(path, "")
    log = EdgeLog(path)
    append(path, "".join(f"line {n}\n" for n in range(10)))
    assert list(log.lines()) == [b"line 0", b"line 1"]
    rest: list[bytes] = []
    while log.unread_bytes:
        rest += log.lines()
    assert rest == [f"line {n}".encode() for n in range(2, 10)]


def test_no_line_is_lost_or_read_twice_while_it_is_written_and_rotated(path: Path) -> None:
    append(path, "")
    log = EdgeLog(path)
    written, looked = threading.Event(), threading.Event()

    def write() -> None:
        stream = path.open("a")
        for number in range(20_000):
            # In two parts, so that the reader meets unfinished lines.
            stream.write(f"{number // 100}")
            stream.flush()
            stream.write(f"-{number % 100}\n")
            if number % 1000 == 500:
                path.rename(path.with_suffix(f".{number}"))
            if number % 1000 == 510:
                successor = path.open("a")
            if number % 1000 == 520:
                stream.flush()
                stream = successor
                # A whole log does not come and go between two looks.
                looked.clear()
                looked.wait(10)
                looked.clear()
                looked.wait(10)
        stream.close()
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[bytes] = []
    while not written.is_set():
        seen += log.lines()
        looked.set()
    writer.join()
    seen += log.lines()
    assert len(seen) == 20_000
    assert sorted(seen) == sorted(f"{number // 100}-{number % 100}".encode() for number in range(20_000))
