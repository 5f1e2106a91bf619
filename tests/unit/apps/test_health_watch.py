"""A health check answers whoever waits for it, and then goes on looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from orders.health_watch import exit_code

LONG = 3600.0


class Looks:
    """Says what is wrong, one thing after the other, and goes wrong itself if it is asked too often."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def __call__(self) -> str:
        return self._answers.pop(0)

    @property
    def left(self) -> int:
        return len(self._answers)


@pytest.fixture
def seen_well(tmp_path: Path) -> Path:
    return tmp_path / "seen-well"


def test_the_first_check_answers_at_once(seen_well: Path) -> None:
    assert exit_code(Looks(""), LONG, seen_well) == 0
    assert seen_well.exists()


def test_the_next_one_looks_until_something_is_wrong(seen_well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen_well.touch()
    looks = Looks("", "", "", "it hangs")
    assert exit_code(looks, LONG, seen_well, pause=0) == 1
    assert looks.left == 0
    assert "it hangs" in capsys.readouterr().err


def test_after_a_failure_somebody_waits_again(seen_well: Path) -> None:
    seen_well.touch()
    assert exit_code(Looks("it hangs"), LONG, seen_well) == 1
    assert exit_code(Looks(""), LONG, seen_well) == 0


def test_it_ends_with_its_time(seen_well: Path) -> None:
    seen_well.touch()
    assert exit_code(lambda: "", 0.05, seen_well, pause=0.01) == 0


def test_who_says_no_time_gets_one_look(seen_well: Path) -> None:
    seen_well.touch()
    assert exit_code(Looks(""), 0, seen_well) == 0
