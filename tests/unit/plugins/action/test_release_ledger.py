"""The ledger names who is answerable for a run, and not the account that a job works with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[4]
NOT_A_PIPELINE = ("GITLAB_USER_LOGIN", "GITHUB_ACTOR", "SUDO_USER")


def test_the_user_of_awx_and_of_a_pipeline_is_recorded_and_has_the_lease(tmp_path: Path) -> None:
    environment = {"environment": "test", "home": str(tmp_path)}
    tasks = [
        {"echobase.platform.release_lease": {**environment, "operation": "promote"}, "register": "lease"},
        {"echobase.platform.release_ledger": {**environment, "event": "promoted", "lease": "{{ lease.number }}"}},
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    known = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"localhost": known}}}))
    variables = {name: value for name, value in os.environ.items() if name not in NOT_A_PIPELINE}
    for extra, more in (({}, {"GITLAB_USER_LOGIN": "bert"}), ({"awx_user_name": "anna"}, {"GITLAB_USER_LOGIN": "bert"})):
        subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml", "-e", json.dumps(extra)],
            cwd=tmp_path,
            env=variables | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), **more},
            capture_output=True,
            check=True,
        )
    assert [json.loads(line)["by"] for line in (tmp_path / "test/ledger.jsonl").read_text().splitlines()] == ["bert", "anna"]
    assert json.loads((tmp_path / "test/lease.json").read_text())["owner"] == "anna"
