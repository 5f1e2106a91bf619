"""Where a host cannot even run a module, preflight says why; and it says what only the controller sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.action.preflight import (
    ansible_version,
    cannot_become,
    files,
    schedule,
    skew,
    together,
    unreachable,
)

CHECKOUT = Path(__file__).resolve().parents[4]
MANAGED = "/opt/echobase-of-nobody/python"


def play(folder: Path, variables: dict[str, Any], purposes: list[str]) -> str:
    """Runs the role on this machine, once for each purpose, as playbooks that import each other do."""
    known = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "echobase_env": "test",
        "managed_python_path": MANAGED,
        **variables,
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"shop": known}}}))
    role = {"name": "echobase.platform.preflight", "rolespec_validate": False}
    tasks = [{"ansible.builtin.import_role": role, "vars": {"preflight_purpose": purpose}} for purpose in purposes]
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "hosts.yml"), str(folder / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_all_that_is_wrong_is_told_at_once_a_line_each(tmp_path: Path) -> None:
    wrong = {"echobase_public_names": ["https://shop"], "secrets_vault_password_file": "/nowhere", "preflight_disk": "900t"}
    said = play(tmp_path, wrong, ["change"])
    failure = said.partition("FAILED")[2].partition("PLAY RECAP")[0]
    assert [line.split(":")[0].strip() for line in failure.strip().splitlines()[1:]] == ["files", "disk", "names"]


def test_a_database_of_somebody_elses_has_to_be_described_whole(tmp_path: Path) -> None:
    half = {"echobase_database": "external", "echobase_external_database": {"host": "203.0.113.7"}, "durable_db_replica": True}
    said = play(tmp_path, half, ["change"])
    assert "database: echobase_external_database.host is 203.0.113.7, an address - " in said
    assert "database: durable_db_replica is set, and echobase_database is external: " in said
    # The way back is not closed by an inventory that somebody is just writing.
    assert "failed=0" in play(tmp_path, half, ["urgent"])
    assert "database: echobase_database is 'externl' - say own or external" in play(tmp_path, {"echobase_database": "externl"}, ["change"])


def test_who_looks_at_a_sick_host_is_warned_and_goes_on_and_a_run_asks_once(tmp_path: Path) -> None:
    said = play(tmp_path, {"secrets_vault_password_file": "/nowhere"}, ["look", "change", "setup"])
    assert "[WARNING]: files: secrets_vault_password_file is /nowhere" in said
    assert "failed=0" in said
    assert "ok=1 " in said


def test_what_is_urgent_does_not_wait_for_a_file_of_the_controller_nor_for_room(tmp_path: Path) -> None:
    said = play(tmp_path, {"secrets_vault_password_file": "/nowhere", "preflight_disk": "900t"}, ["urgent"])
    assert "failed=0" in said
    assert "ok=1 " in said


def test_a_host_without_the_python_that_setup_makes(tmp_path: Path) -> None:
    said = play(tmp_path, {"ansible_python_interpreter": f"{MANAGED}/bin/python"}, ["look"])
    told = f"python: there is no Python at {MANAGED}/bin/python - run `"
    assert told in said
    assert said.partition(told)[2].partition("\n")[0].endswith("setup_durable`, which makes it")
    assert "Traceback" not in said


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    said = play(tmp_path, {"ansible_python_interpreter": "/nowhere/python"}, ["change"])
    remedy = f"install Python 3.11 or newer, or set ansible_python_interpreter to {MANAGED}/bin/python"
    assert f"python: there is no Python at /nowhere/python - {remedy}" in said


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -c ] && echo 3.9 || exit 1\n')
    old.chmod(0o755)
    said = play(tmp_path, {"ansible_python_interpreter": str(old)}, ["change"])
    assert f"python: {old} is Python 3.9 - install Python 3.11 or newer" in said


@pytest.mark.skipif(shutil.which("ssh") is None, reason="this controller has no ssh")
def test_a_host_that_does_not_answer_is_away(tmp_path: Path) -> None:
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "nobody"}
    said = play(tmp_path, away, ["look"])
    assert (
        "connection: 127.0.0.1 cannot be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused - see that ansible_host" in said
    )
    assert "  AWAY     preflight: See that nothing stands in the way" in said
    assert "unreachable=1" in said


def test_ansible_itself_is_too_old() -> None:
    assert ansible_version("2.17.0") == ansible_version("2.19.14") == ansible_version("2.20.0b1") == []
    assert str(ansible_version("2.16.9")[0]).startswith("versions: this is ansible-core 2.16.9, and >=2.17")


def test_files_of_the_controller(tmp_path: Path) -> None:
    there = tmp_path / "password"
    there.write_text("x")
    assert files({"secrets_vault_password_file": str(there), "tls_key_file": ""}) == []
    assert str(files({"tls_key_file": str(tmp_path / "none")})[0]) == (
        f"files: tls_key_file is {tmp_path / 'none'}, which cannot be read on the controller (No such file or directory) - correct the path"
    )


def test_a_schedule_of_another_host_is_refused_with_the_way_to_do_it() -> None:
    assert schedule("", is_local=False) == schedule("daily", is_local=True) == []
    assert str(schedule("daily", is_local=False)[0]).endswith(
        "- leave it out, and have AWX or a timer of the controller run `playbooks/backup.yml`"
    )


@pytest.mark.parametrize(
    ("arguments", "plain_ports", "line"),
    [
        (
            {"files": {"tls_certificate_file": "a"}, "public_names": ["b"]},
            False,
            "tls_certificate_file is set without tls_key_file - name both",
        ),
        ({"files": {"tls_key_file": "a"}}, False, "tls_key_file is set without tls_certificate_file - name both"),
        (
            {"files": {"tls_certificate_file": "a", "tls_key_file": "b"}},
            False,
            "tls_certificate_file is set, and no name that it is for - set",
        ),
        ({"environment": "ci"}, True, "app_stack_plain_ports is for devlocal only, and this is ci - leave it out of the inventory"),
    ],
)
def test_what_does_not_go_together(arguments: dict[str, Any], plain_ports: bool, line: str) -> None:
    assert [str(problem).startswith(f"together: {line}") for problem in together(arguments, plain_ports)] == [True]


def test_what_goes_together() -> None:
    own = {"files": {"tls_certificate_file": "a", "tls_key_file": "b"}, "public_names": ["shop.example.com"]}
    assert (
        together(own, plain_ports=False) == together({"environment": "devlocal"}, plain_ports=True) == together({}, plain_ports=False) == []
    )


@pytest.mark.parametrize(
    "said",
    [
        "Premature end of stream waiting for become success.\n>>> Standard Error\nsudo: a password is required",
        "Missing sudo password",
        "deployer is not in the sudoers file.",
    ],
)
def test_who_cannot_become_root_is_told_how(said: str) -> None:
    assert str(cannot_become(said)) == (
        "root: the user of the connection cannot become root - allow it sudo without a password, or add --ask-become-pass"
    )


def test_another_failure_is_not_said_to_be_that() -> None:
    assert cannot_become("No space left on device") is None


def test_the_last_word_of_ssh_is_the_reason() -> None:
    said = (
        'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: banner\nh: Permission denied (publickey).'
    )
    assert str(unreachable("h", said)).startswith("connection: h cannot be reached: h: Permission denied (publickey). - see that ")


def test_the_time_that_a_question_takes_is_no_skew() -> None:
    assert skew(105, before=100, after=110) == 0
    assert skew(170, before=100, after=110) == 60
    assert skew(40, before=100, after=110) == -60
