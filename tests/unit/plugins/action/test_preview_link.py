"""A link to a preview opens it for whoever reads it, so it stands in no log."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

CHECKOUT = Path(__file__).resolve().parents[4]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    key = Path(environment("test", str(tmp_path)).path("secrets", "preview_key"))
    key.parent.mkdir(parents=True)
    key.write_text("the key of previews")
    options = {"environment": "test", "home": str(tmp_path), "colour": "green", "public_names": ["shop.example.com"]}
    make = {"echobase.platform.preview_link": {**options, "show": "{{ preview_show | default(omit) }}"}, "register": "link"}
    tell = {"ansible.builtin.debug": {"msg": "FOUND {{ link.url or link.file }}"}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [make, tell]}]))
    known = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"localhost": known}}}))
    return [sys.executable, "-m", "ansible", "playbook", "-v", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")]


def variables(folder: Path, **more: str) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if name != "CI"}
    return found | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "TMPDIR": str(folder), **more}


def in_a_log(command: list[str], folder: Path, **extra: Any) -> str:
    line = [*command, "-e", json.dumps(extra)]
    return subprocess.run(line, cwd=CHECKOUT, env=variables(folder), capture_output=True, text=True, check=True).stdout


def on_a_terminal(command: list[str], folder: Path, **more: str) -> str:
    above, below = pty.openpty()
    with subprocess.Popen(command, cwd=CHECKOUT, env=variables(folder, **more), stdout=below, stderr=below):
        os.close(below)
        return b"".join(_all_of(above)).decode()


def _all_of(terminal: int) -> Iterator[bytes]:
    """Reads until everybody at the other end has closed it."""
    try:
        while piece := os.read(terminal, 1 << 16):
            yield piece
    except OSError:
        os.close(terminal)


def test_a_log_has_the_name_of_a_file_that_only_this_user_can_read(command: list[str], tmp_path: Path) -> None:
    said = in_a_log(command, tmp_path)
    assert "token=" not in said
    file = Path(said.partition("FOUND ")[2].split()[0].strip('"'))
    assert file.parent == tmp_path
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("https://shop.example.com:1643/preview/open?token=green.")


def test_who_asks_for_it_gets_it(command: list[str], tmp_path: Path) -> None:
    assert "FOUND https://shop.example.com:1643/preview/open?token=" in in_a_log(command, tmp_path, preview_show=True)


def test_a_person_at_a_terminal_sees_it_and_a_pipeline_with_a_terminal_does_not(command: list[str], tmp_path: Path) -> None:
    assert "https://shop.example.com:1643/preview/open?token=" in on_a_terminal(command, tmp_path).replace("\r\n", "")
    assert "token=" not in on_a_terminal(command, tmp_path, CI="true")
