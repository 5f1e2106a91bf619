from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.lookup.vault_password import VARIABLE, password_in
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

CHECKOUT = Path(__file__).resolve().parents[4]


def test_a_file_has_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    assert password_in(str(file)) == "correct horse"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read: No such file or directory"), (b"\n", "is empty"), (b"\xff", "it is no text")]
)
def test_a_file_that_has_none_is_one_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refusal, match=f"^the vault password file {file} .*{reason} - "):
        password_in(str(file))


def test_the_inventory_comes_before_the_environment(tmp_path: Path) -> None:
    """As a playbook asks: by the inventory's variable, which may be a template, else by a variable of the controller."""
    (tmp_path / "password").write_text("from the file\n")
    found = {"debug": {"msg": "GOT {{ lookup('echobase.platform.vault_password') or 'nothing' }}"}}
    from_file = {"secrets_vault_password_file": "{{ place }}/password", "place": str(tmp_path)}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [found, {**found, "vars": from_file}]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))

    def got(**variables: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")],
            cwd=CHECKOUT,
            env={name: value for name, value in os.environ.items() if name != VARIABLE}
            | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return [line.partition("GOT ")[2] for line in done.stdout.splitlines() if "GOT " in line]

    assert got() == ["nothing", "from the file"]
    assert got(**{VARIABLE: "from the environment"}) == ["from the environment", "from the file"]
