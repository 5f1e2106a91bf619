"""The program that begins another one anew: real processes, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.waiting import eventually

APPS = Path(__file__).parents[3] / "apps"
# It says what it is, and waits.
PROGRAM = """
import signal, sys, time
from shop.words import WORD
signal.signal(signal.SIGTERM, lambda *_: (print("left", WORD, flush=True), sys.exit(0)))
print("serves", WORD, flush=True)
time.sleep(60)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in {"__init__.py": "", "__main__.py": PROGRAM, "words.py": "WORD = 'one'\n"}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def told(shop: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = shop.parent / "log"
    with log.open("wb") as output:
        # Files that change within a second of each other: bytecode of the one before must not be taken for the new one's.
        environment = os.environ | {"PYTHONPATH": str(APPS), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "orders.edited", "shop"]
        process = subprocess.Popen(command, cwd=shop.parent, env=environment, stdout=output, stderr=subprocess.STDOUT)
    yield process, log
    process.kill()
    process.wait()


def test_an_edit_begins_the_program_anew_and_a_broken_one_waits_for_the_next(
    shop: Path, told: tuple[subprocess.Popen[bytes], Path]
) -> None:
    process, log = told
    eventually(lambda: "serves one" in log.read_text(), log.read_text)
    (shop / "words.py").write_text("WORD = 'three'\n")
    eventually(lambda: "serves three" in log.read_text(), log.read_text)
    assert log.read_text().index("left one") < log.read_text().index("serves three")

    (shop / "words.py").write_text("WORD = \n")
    eventually(lambda: "SyntaxError" in log.read_text(), log.read_text)
    assert process.poll() is None
    (shop / "words.py").write_text("WORD = 'four'\n")
    eventually(lambda: "serves four" in log.read_text(), log.read_text)

    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert log.read_text().endswith("left four\n")


def test_a_new_file_counts_and_a_file_of_no_package_does_not(shop: Path, told: tuple[subprocess.Popen[bytes], Path]) -> None:
    _process, log = told
    eventually(lambda: "serves one" in log.read_text(), log.read_text)
    (shop.parent / "notes.py").write_text("1\n")
    (shop / "page.txt").write_text("1\n")
    (shop / "more.py").write_text("1\n")
    eventually(lambda: log.read_text().count("serves one") == 2, log.read_text)
    assert log.read_text().count("begins anew") == 1
