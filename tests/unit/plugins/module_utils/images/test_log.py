from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog


def test_the_log_keeps_the_lines_of_the_current_step_however_they_are_cut(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    log = BuildLog("web", Progress(str(told)))
    for text in (
        "Step 1/3 : ARG BASE\n",
        "Step 2/3 : RUN one\n",
        " ---> Running in 1\n",
        "\x1b[31mfi",
        "rst\x1b[0m\nsec",
        "ond\r",
        "third",
    ):
        log.add(text)
    assert log.step == "Step 2/3 : RUN one"
    assert list(log.lines) == ["first", "second"]
    log.close()
    assert list(log.lines) == ["first", "second", "third"]
    assert re.fullmatch(r"building web \(\d+ s\): Step 2/3 : RUN one\n", told.read_text())
    log.add("Step 3/3 : RUN two\n")
    assert list(log.lines) == []
