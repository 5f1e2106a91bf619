"""The callback shows what a module says while it runs, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.callback.progress import VARIABLE, CallbackModule
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress


class Screen:
    verbosity = 0

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, line: str, **_: Any) -> None:
        self.lines.append(line)


def test_lines_are_shown_and_the_file_is_removed() -> None:
    screen = Screen()
    callback = CallbackModule(display=screen)
    callback.v2_playbook_on_start(None)
    file = Path(os.environ[VARIABLE])
    assert file.parent.stat().st_mode & 0o777 == 0o700
    Progress(str(file)).say("building base (1 s): unpacking")
    callback.v2_playbook_on_stats(None)
    assert screen.lines == ["    · building base (1 s): unpacking"]
    assert VARIABLE not in os.environ
    assert not file.parent.exists()


def test_the_next_run_removes_what_a_killed_one_left_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    finished = subprocess.Popen(["true"])
    finished.wait()
    left, others = tmp_path / f"echobase-progress-{finished.pid}-x", tmp_path / f"echobase-progress-{os.getppid()}-x"
    for folder in (left, others):
        folder.mkdir()
        (folder / "lines").touch()
    callback = CallbackModule(display=Screen())
    callback.v2_playbook_on_start(None)
    callback.v2_playbook_on_stats(None)
    assert list(tmp_path.iterdir()) == [others]


def test_a_file_that_vanishes_breaks_nothing() -> None:
    callback = CallbackModule(display=Screen())
    callback.v2_playbook_on_start(None)
    Path(os.environ[VARIABLE]).unlink()
    callback.v2_playbook_on_stats(None)
