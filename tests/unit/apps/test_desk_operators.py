from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import bcrypt
import pytest

from operators_desk.logins import Logins, Wait, basic_login
from operators_desk.operators import Operators
from operators_desk.sessions import Session, Sessions
from operators_desk.throttle import Throttle


def entry(name: str, password: str, prefix: str = "$2b$") -> str:
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return f"{name}:{hashed.replace('$2b$', prefix, 1)}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "operators.htpasswd"
    file.write_text(entry("anna", "of anna", "$2y$") + "# a remark\n\n" + entry("bert", "of bert"))
    return file


def fits(operators: Operators, name: str, password: str) -> bool:
    return asyncio.run(operators.fits(name, password))


def test_several_operators(file: Path) -> None:
    operators = Operators(file)
    assert fits(operators, "anna", "of anna")
    assert fits(operators, "bert", "of bert")
    for name, password in (("anna", "of bert"), ("carl", "of carl"), ("anna", ""), ("", ""), ("# a remark", ""), ("anna", "x" * 100)):
        assert not fits(operators, name, password)


def test_an_account_that_changes_is_noticed(file: Path) -> None:
    operators = Operators(file)
    before = operators.credential("anna")
    file.write_text(entry("anna", "another"))
    assert operators.credential("anna") not in ("", before)
    assert fits(operators, "anna", "another")
    assert operators.credential("bert") == ""
    file.unlink()
    assert fits(operators, "anna", "another")


@pytest.mark.parametrize("line", ["carl:plain", "carl:{SHA}x", "carl:$apr1$salt$hash", "carl", "evil\tname:" + entry("x", "y")[2:]])
def test_lines_that_we_cannot_check_are_left_out_and_named(file: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(entry("anna", "of anna") + line + "\n")
    operators = Operators(file)
    assert operators.credential(line.partition(":")[0]) == ""
    assert operators.credential("anna")
    assert "line 2 is left out" in caplog.text
    assert "plain" not in caplog.text.replace("not a plain name", "")


def test_names_that_do_not_exist_are_compared_as_dearly_as_the_dearest(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(entry("anna", "x") + "bert:" + bcrypt.hashpw(b"y", bcrypt.gensalt(6)).decode() + "\n")
    operators = Operators(file)
    compared: list[bytes] = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda password, hashed: compared.append(hashed) or check(password, hashed))
    assert not fits(operators, "nobody", "y")
    assert [hashed[:7] for hashed in compared] == [b"$2b$06$"]


@pytest.mark.parametrize(
    ("header", "login"),
    [
        (f"Basic {base64.b64encode(b'anna:of:anna').decode()}", ("anna", "of:anna")),
        (f"bAsIc {base64.b64encode(b'anna:').decode()}", ("anna", "")),
        (f"Basic {base64.b64encode(b'anna').decode()}", None),
        (f"Basic {base64.b64encode(bytes([255, 58])).decode()}", None),
        ("Basic !!!", None),
        ("Basic", None),
        ("Bearer YW5uYTphbm5h", None),
        ("", None),
    ],
)
def test_logins_of_programs(header: str, login: tuple[str, str] | None) -> None:
    assert basic_login(header) == login


def test_an_address_that_the_owner_uses_is_not_locked_out_by_others(file: Path, tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "sessions.sqlite", 1000, 100)
    logins = Logins(Operators(file), sessions, Throttle(100, 900), Throttle(3, 60))

    def attempt(password: str, address: str) -> Session | Wait | None:
        return asyncio.run(logins.attempt("anna", password, address))

    session = attempt("of anna", "192.0.2.1")
    assert isinstance(session, Session)
    logins.begin_session(session, "192.0.2.1")
    assert [attempt("guess", f"198.51.100.{number}") for number in range(3)] == [None] * 3
    assert isinstance(attempt("of anna", "198.51.100.9"), Wait)
    assert isinstance(attempt("of anna", "192.0.2.1"), Session)
    sessions.close()
