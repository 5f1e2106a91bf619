from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.edge.log_folder import EdgeLogFolder
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, NGINX

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


def modes(folder: Path) -> dict[str, tuple[int, int, str]]:
    return {
        path.name: (path.stat().st_uid, path.stat().st_gid, f"{path.stat().st_mode & 0o7777:o}") for path in (folder, *folder.iterdir())
    }


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    folder = EdgeLogFolder(tmp_path / "log")
    assert folder.outdated() == [tmp_path / "log"]
    folder.converge()
    assert modes(tmp_path / "log") == {"log": (NGINX, APPLICATION, "2750")}
    assert folder.outdated() == []


def test_logs_of_an_earlier_version_are_closed_to_others(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir(mode=0o755)
    for name, owner in (("access.log", 0), ("access.log.1", NGINX)):
        (log / name).write_text("{}")
        os.chown(log / name, owner, owner)
    folder = EdgeLogFolder(log)
    assert len(folder.outdated()) == 3
    folder.converge()
    assert folder.outdated() == []
    assert modes(log) == {
        "log": (NGINX, APPLICATION, "2750"),
        "access.log": (0, APPLICATION, "640"),
        "access.log.1": (NGINX, APPLICATION, "640"),
    }
    (log / "access.log").chmod(0o644)
    assert folder.outdated() == [log / "access.log"]
