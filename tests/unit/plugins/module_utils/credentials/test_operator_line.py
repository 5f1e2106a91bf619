from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import (
    KEPT,
    REMOVED,
    REPLACED,
    Accounts,
    LineRecord,
    fits,
    login_of_operator,
    wanted_accounts,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment

PASSWORD = "ours"
NOTHING = LineRecord()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "operators.htpasswd"


def theirs(name: str = "operator", prefix: str = "$2y$") -> str:
    return f"{name}:{bcrypt.hashpw(b'theirs', bcrypt.gensalt(4)).decode().replace('$2b$', prefix, 1)}\n"


def written(file: Path, record: LineRecord = NOTHING, password: str = PASSWORD, renewed: bool = False) -> Accounts:
    accounts = wanted_accounts(password, file, record, renewed)
    file.write_text(accounts.content)
    return accounts


def test_a_file_that_was_never_there_gets_our_line(file: Path) -> None:
    first = written(file)
    assert first.record.state == KEPT
    assert fits(PASSWORD, first.content.strip())
    assert written(file, first.record) == first


@pytest.mark.parametrize("prefix", ["$2y$", "$2b$"])
def test_a_line_that_somebody_replaced_stays(file: Path, prefix: str) -> None:
    record = written(file).record
    file.write_text(theirs(prefix=prefix) + theirs("anna"))
    after = written(file, record)
    assert after.record == LineRecord(record.written, REPLACED)
    assert not fits(PASSWORD, after.content.splitlines()[0])
    assert "anna:" in after.content
    assert written(file, after.record) == after


def test_a_line_that_somebody_removed_stays_away(file: Path) -> None:
    record = written(file).record
    for content in (theirs("anna"), ""):
        file.write_text(content)
        assert written(file, record) == Accounts(content, LineRecord(record.written, REMOVED))


def test_an_older_version_left_no_record_and_a_replaced_line_stays_all_the_same(file: Path) -> None:
    file.write_text(theirs())
    assert written(file).record == LineRecord("", REPLACED)
    file.write_text(theirs("anna"))
    assert written(file).record == LineRecord("", REMOVED)


def test_a_line_of_an_older_version_is_ours_by_its_password(file: Path) -> None:
    before = written(file)
    again = written(file)
    assert again == before
    # The password was lost and made anew, or a rotation was cut off: what we wrote ourselves we write again.
    assert fits("another", written(file, again.record, password="another").content.strip())


def test_what_was_lost_with_a_file_system_in_memory_comes_back_only_if_it_was_ours(file: Path) -> None:
    record = written(file).record
    file.unlink()
    assert fits(PASSWORD, written(file, record).content.strip())
    for state in (REPLACED, REMOVED):
        file.unlink()
        lost = written(file, LineRecord(record.written, state))
        assert lost == Accounts("", LineRecord(record.written, REMOVED))
        assert written(file, lost.record) == lost


@pytest.mark.parametrize("content", [theirs(), theirs("anna"), ""])
def test_who_asks_for_the_rotation_gets_our_line_back(file: Path, content: str) -> None:
    written(file)
    file.write_text(content)
    renewed = written(file, LineRecord("x", REPLACED), password="another", renewed=True)
    assert renewed.record.state == KEPT
    assert fits("another", renewed.content.splitlines()[0])
    assert ("anna:" in content) == ("anna:" in renewed.content)


@pytest.mark.parametrize("content", ["", "[]", '{"written": "x"}'])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "operator-line.json"
    file.write_text(content)
    with pytest.raises(Refusal, match="is damaged"):
        LineRecord.load(file)
    LineRecord("x", REMOVED).save(file)
    assert LineRecord.load(file) == LineRecord("x", REMOVED)


def test_who_looks_sees_what_the_files_say_now(tmp_path: Path) -> None:
    env: Environment = environment("test", str(tmp_path))
    accounts = Path(env.path("secrets", "desk", "operators.htpasswd"))
    accounts.parent.mkdir(parents=True)
    assert login_of_operator(env) == KEPT
    Path(env.path("secrets", "operator_password")).write_text(PASSWORD)
    written(accounts)
    assert login_of_operator(env) == KEPT
    accounts.write_text(theirs())
    assert login_of_operator(env) == REPLACED
    accounts.write_text(theirs("anna"))
    assert login_of_operator(env) == REMOVED
