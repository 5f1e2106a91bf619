from __future__ import annotations

import getpass
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.plugin_utils.caller import is_watched, owner

AWX = {"awx_user_name": "anna", "tower_user_name": "anna"}
GITLAB, GITHUB, SUDO = {"GITLAB_USER_LOGIN": "bert"}, {"GITHUB_ACTOR": "cleo"}, {"SUDO_USER": "dora"}


@pytest.mark.parametrize(
    ("variables", "environment", "who"),
    [
        (AWX, GITLAB | GITHUB | SUDO, "anna"),
        ({"tower_user_name": "emil"}, SUDO, "emil"),
        ({"awx_user_name": ""}, GITLAB | GITHUB | SUDO, "bert"),
        ({}, GITHUB | SUDO, "cleo"),
        ({}, SUDO, "dora"),
        ({}, {}, getpass.getuser()),
    ],
)
def test_who_is_answerable_for_a_run(variables: dict[str, Any], environment: dict[str, str], who: str) -> None:
    assert owner(variables, environment) == who


def test_only_a_terminal_is_looked_at_by_a_person() -> None:
    above, below = pty.openpty()
    command = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=below) as on_a_terminal,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as in_a_file,
    ):
        try:
            assert is_watched({}, {}, on_a_terminal.pid)
            assert not is_watched({}, {}, in_a_file.pid)
            # AWX and pipelines may give a job a terminal, and keep what it shows.
            assert not is_watched({"awx_job_id": 7}, {}, on_a_terminal.pid)
            assert not is_watched({}, {"CI": "true"}, on_a_terminal.pid)
        finally:
            for process in (on_a_terminal, in_a_file):
                process.communicate(b"\n")
            os.close(above)
            os.close(below)
