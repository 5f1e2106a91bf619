from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.echobase.platform.plugins.action.run_module import told

CHECKOUT = Path(__file__).parents[4]


def test_a_refusal_names_the_command_of_whoever_started_the_run() -> None:
    answer = {"failed": True, "msg": "no backup - `playbooks/backup.yml` takes one", "changed": False}
    known = {"playbook_dir": "/usr/share/ansible_collections/echobase/platform/playbooks", "ansible_inventory_sources": ["/etc/hosts.yml"]}
    assert told(answer, known) == answer | {
        "msg": "no backup - `ansible-playbook -i /etc/hosts.yml echobase.platform.backup` takes one",
    }
    assert told(answer, known | {"awx_job_id": 7})["msg"] == "no backup - the job template of playbooks/backup.yml takes one"


def test_every_module_goes_through_it() -> None:
    """The lease has an action of its own, which does the same."""
    routed = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())["plugin_routing"]["modules"]
    modules = {file.stem for file in CHECKOUT.glob("plugins/modules/*.py")}
    own = {file.stem for file in CHECKOUT.glob("plugins/action/*.py")} & modules
    assert routed == {name: {"action_plugin": "echobase.platform.run_module"} for name in modules - own}
    for name in own:
        assert re.search(r"\btold\(", (CHECKOUT / f"plugins/action/{name}.py").read_text())
