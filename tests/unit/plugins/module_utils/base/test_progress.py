from __future__ import annotations

from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress


def test_lines_are_appended_one_a_message(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.touch()
    progress = Progress(str(file))
    progress.say("first")
    progress.say("second\nwith a break")
    assert file.read_text() == "first\nsecond with a break\n"


def test_nobody_following_is_no_error(tmp_path: Path) -> None:
    Progress(None).say("ignore_step")
    Progress("").say("ignore_step")
    Progress(str(tmp_path / "gone")).say("ignore_step")
    assert not (tmp_path / "gone").exists()
