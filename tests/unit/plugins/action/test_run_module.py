"""A module answers in Ansible's own process as it does in one of its own, and runs there only where that makes no difference."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule, told
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease

CHECKOUT = Path(__file__).resolve().parents[4]
TASKS: dict[str, dict[str, Any]] = {
    "works": {"echobase.platform.certificates": {"environment": "test", "home": "{{ home }}"}, "check_mode": True},
    "refuses": {"echobase.platform.certificates": {"environment": "tset", "home": "{{ home }}"}},
    # What is given as a secret appears nowhere in an answer.
    "hides": {"echobase.platform.environment_secrets": {"environment": "test", "s3_secret": "abcxyz", "renew": ["abcxyz"]}},
    "takes_no_nonsense": {"echobase.platform.durable_db_restore": {"environment": "test", "nonsense": 1}},
    "warns": {"echobase.platform.release_lease": {"environment": "test", "home": "{{ home }}", "operation": "rollback"}},
}


@dataclass(frozen=True)
class Hosts:
    output: str
    # By task. Where a run differs by nature, in its folder, this is taken out.
    here: dict[str, Any]
    there: dict[str, Any]
    beyond: dict[str, Any]


# An ssh that leads back to this machine: it leaves all options out.
_SSH = '#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n'


def this_python_by_another_name() -> str:
    mine = Path(sys.executable)
    return str(next(mine.with_name(name) for name in ("python", "python3") if name != mine.name))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    """The same tasks on three hosts.

    On `here` modules need no process of their own, on `there` every module is packed and started, and to `beyond` they share a connection.
    """
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "ssh").write_text(_SSH)
    (folder / "ssh").chmod(0o755)
    pythons = {"here": "{{ ansible_playbook_python }}", "there": this_python_by_another_name(), "beyond": sys.executable}
    known: dict[str, dict[str, str]] = {
        name: {"ansible_python_interpreter": python, "home": str(folder / name)} for name, python in pythons.items()
    }
    known["beyond"] |= {"ansible_connection": "ssh", "ansible_ssh_executable": str(folder / "ssh")}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": known, "vars": {"ansible_connection": "local"}}}))
    for name in pythons:
        lease = ReleaseLease(environment("test", str(folder / name)))
        lease.take(Lease(0, "another", "somebody", "deploy", ProcessIdentity.of(os.getpid())), 0, "")
    tasks = [{"name": name, "ignore_errors": True, "register": f"answer_{name}", **task} for name, task in TASKS.items()]
    answers = "{{ {" + ", ".join(f"'{name}': answer_{name}" for name in TASKS) + "} | to_json }}"
    told = {"ansible.builtin.debug": {"msg": f"ANSWERS {{{{ inventory_hostname }}}} {answers} END"}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [*tasks, told]}], width=10**6))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-vvv", "-i", str(folder / "hosts.yml"), str(folder / "play.yml")],
        cwd=CHECKOUT,
        # Without PYTHONPATH a module that was packed has only what was packed with it.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        | {
            **{"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            "XDG_CACHE_HOME": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Hosts(done.stdout, *(answers_of(done.stdout, name, str(folder / name)) for name in pythons))


def answers_of(output: str, host: str, folder: str) -> dict[str, Any]:
    line = next(line for line in output.splitlines() if f"ANSWERS {host} " in line)
    message = json.loads("{" + line.strip().rstrip(",") + "}")["msg"]
    # Their leases may have been taken a second apart.
    message = re.sub(r"\d\d:\d\d:\d\d UTC", "hh:mm:ss UTC", message)
    answers = json.loads(message.removeprefix(f"ANSWERS {host} ").removesuffix(" END").replace(folder, "/home"))
    return {name: {key: value for key, value in answer.items() if key != "exception"} for name, answer in answers.items()}


def test_all_hosts_answer_the_same(hosts: Hosts) -> None:
    assert hosts.here == hosts.there == hosts.beyond
    assert hosts.here["works"]["changed"] is True
    assert "unknown environment 'tset'" in hosts.here["refuses"]["msg"]
    assert "Unsupported parameters" in hosts.here["takes_no_nonsense"]["msg"]
    assert hosts.here["hides"]["failed"] is True
    assert "abcxyz" not in hosts.here["hides"]["msg"]
    assert [name for name in hosts.here if "Traceback" in json.dumps(hosts.here[name])] == []


def test_a_warning_is_shown_from_all(hosts: Hosts) -> None:
    assert hosts.output.count("this rollback has stopped deploy by somebody") == 3


def test_only_the_one_there_is_packed(hosts: Hosts) -> None:
    assert hosts.output.count("Using module file ") == len(TASKS)


def action(**differences: Any) -> ActionModule:
    traits = {"transport": "local", "become": None, "delegate_to": None, "async_val": 0, "environment": [{}]} | differences
    made = object.__new__(ActionModule)
    made._connection = SimpleNamespace(transport=traits["transport"], become=traits["become"])
    made._task = SimpleNamespace(delegate_to=traits["delegate_to"], async_val=traits["async_val"], environment=traits["environment"])
    made._templar = SimpleNamespace(template=lambda value: value)
    return made


MINE = {"ansible_python_interpreter": sys.executable}


def test_a_module_stays_here_when_nothing_calls_it_away() -> None:
    assert action()._stays_here(MINE)


@pytest.mark.parametrize(
    "difference",
    [{"transport": "ssh"}, {"become": "sudo"}, {"async_val": 60}, {"environment": [{"HTTPS_PROXY": "http://proxy:3128"}]}],
)
def test_another_machine_user_or_environment_gets_a_process_of_its_own(difference: dict[str, Any]) -> None:
    assert not action(**difference)._stays_here(MINE)


@pytest.mark.parametrize("known", [{}, {"ansible_python_interpreter": "/usr/bin/python3.99"}])
def test_so_does_another_python(known: dict[str, Any]) -> None:
    assert not action()._stays_here(known)


def test_a_delegated_task_is_judged_by_the_host_it_goes_to() -> None:
    other = {"ansible_python_interpreter": "/usr/bin/python3.99"}
    assert not action(delegate_to="edge2")._stays_here(MINE | {"ansible_delegated_vars": {"edge2": other}})
    assert action(delegate_to="edge2")._stays_here(other | {"ansible_delegated_vars": {"edge2": MINE}})


def to_a_host(password: str | None = None, become_pass: str | None = None, **differences: Any) -> ActionModule:
    become = SimpleNamespace(get_option={"become_pass": become_pass}.get)
    made = action(**{"transport": "ssh", "become": become} | differences)
    made._connection.get_option = {"password": password}.get
    made._play_context = SimpleNamespace(password=None)
    return made


def test_modules_for_a_host_share_a_connection() -> None:
    assert to_a_host()._shares_connection({"ansible_python_interpreter": "/opt/echobase/python/bin/python"})
    assert not to_a_host()._stays_here(MINE)


@pytest.mark.parametrize(
    "difference",
    [
        *({"password": "secret"}, {"become_pass": "secret"}, {"transport": "local"}, {"transport": "paramiko"}, {"async_val": 60}),
        {"environment": [{"HTTPS_PROXY": "http://proxy:3128"}]},
    ],
)
def test_where_a_password_is_asked_for_or_the_task_is_special_they_do_not(difference: dict[str, Any]) -> None:
    assert not to_a_host(**difference)._shares_connection(MINE)


@pytest.mark.parametrize("known", [{}, {"ansible_python_interpreter": "auto_silent"}])
def test_nor_where_the_interpreter_is_still_to_be_found(known: dict[str, Any]) -> None:
    assert not to_a_host()._shares_connection(known)


def test_every_module_of_the_collection_is_run_by_this_action() -> None:
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    routing = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    # Others have actions of their own, which are derived from it.
    actions = {path.stem: path.read_text() for path in (CHECKOUT / "plugins" / "action").glob("*.py")}
    own = {name for name, text in actions.items() if "class ActionModule(RunModule)" in text}
    assert {"images", "release_lease"} <= own
    assert {name for name, route in routing.items() if route["action_plugin"] == "echobase.platform.run_module"} == modules - own


def test_a_refusal_names_the_command_of_whoever_started_the_run() -> None:
    answer = {"failed": True, "msg": "no backup - `playbooks/backup.yml` takes one", "changed": False}
    known = {"playbook_dir": "/usr/share/ansible_collections/echobase/platform/playbooks", "ansible_inventory_sources": ["/etc/hosts.yml"]}
    assert told(answer, known) == answer | {
        "msg": "no backup - `ansible-playbook -i /etc/hosts.yml echobase.platform.backup` takes one",
    }
    assert told(answer, known | {"awx_job_id": 7})["msg"] == "no backup - the job template of playbooks/backup.yml takes one"


def test_every_module_goes_through_it() -> None:
    """Lease and ledger have actions of their own, which do the same."""
    routed = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())["plugin_routing"]["modules"]
    modules = {file.stem for file in CHECKOUT.glob("plugins/modules/*.py")}
    own = {file.stem for file in CHECKOUT.glob("plugins/action/*.py")} & modules
    assert routed == {name: {"action_plugin": "echobase.platform.run_module"} for name in modules - own}
    for name in own:
        assert re.search(r"\btold\(|super\(\)\.run\(", (CHECKOUT / f"plugins/action/{name}.py").read_text())
