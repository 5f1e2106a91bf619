"""Ansible itself reads the lookup, as a playbook does: variables from an inventory, passwords from files on the controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[4]


def looked_up(folder: Path, external: dict[str, Any], *arguments: str, **variables: Any) -> tuple[int, str]:
    variables |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "echobase_external_database": external}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"one": variables}}}))
    shown = "{{ lookup('echobase.platform.external_database') | to_json }}"
    tasks = [{"ansible.builtin.copy": {"content": shown, "dest": str(folder / "answer.json"), "mode": "0600"}}]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "one", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "hosts.json"), str(folder / "play.yml"), *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def private(file: Path, content: str) -> str:
    file.write_text(content)
    file.chmod(0o600)
    return str(file)


def wishes(folder: Path) -> dict[str, Any]:
    (folder / "authority.crt").write_text("a certificate\n")
    return {
        "host": "db.example.com",
        "ca_file": str(folder / "authority.crt"),
        "users": {
            "app": {"name": "a", "password_file": private(folder / "app", "hush\n")},
            "migrate": {"name": "m", "password": "whisper"},
        },
    }


def test_passwords_come_from_files_or_variables_and_stand_apart(tmp_path: Path) -> None:
    code, output = looked_up(tmp_path, wishes(tmp_path), durable_db_replica=True)
    assert code == 0, output
    assert json.loads((tmp_path / "answer.json").read_text()) == {
        "external": {"host": "db.example.com", "users": {"app": {"name": "a"}, "migrate": {"name": "m"}}},
        "authority": "a certificate\n",
        "app_password": "hush",
        "migrate_password": "whisper",
        "own_settings": {"durable_db_replica": True},
    }


def test_a_file_of_the_vault_is_read_whatever_its_mode(tmp_path: Path) -> None:
    external = wishes(tmp_path)
    key = private(tmp_path / "key", "the vault's")
    vault = [sys.executable, "-m", "ansible", "vault", "encrypt", "--vault-password-file", key, str(tmp_path / "app")]
    subprocess.run(vault, cwd=CHECKOUT, check=True, capture_output=True)
    (tmp_path / "app").chmod(0o644)
    code, output = looked_up(tmp_path, external, "--vault-password-file", key)
    assert code == 0, output
    assert json.loads((tmp_path / "answer.json").read_text())["app_password"] == "hush"


def test_a_file_that_others_read_or_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    external = wishes(tmp_path)
    (tmp_path / "app").chmod(0o640)
    code, output = looked_up(tmp_path, external)
    assert code != 0 and f"{tmp_path}/app can be read by others (mode 0640) - chmod 600 {tmp_path}/app" in output and "hush" not in output
    (tmp_path / "app").unlink()
    code, output = looked_up(tmp_path, external)
    assert code != 0 and f"users.app.password_file: there is no file {tmp_path}/app on the controller" in output
