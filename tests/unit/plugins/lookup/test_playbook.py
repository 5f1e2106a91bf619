from __future__ import annotations

from ansible_collections.echobase.platform.plugins.lookup.playbook import LookupModule


def test_a_message_of_a_playbook_names_the_command_of_whoever_started_it() -> None:
    known = {"playbook_dir": "/srv/site", "ansible_inventory_sources": ["/srv/hosts.yml"]}
    assert LookupModule().run(["restore", "status"], known, restore_state="abandoned") == [
        "`ansible-playbook -i /srv/hosts.yml echobase.platform.restore -e restore_state=abandoned`",
        "`ansible-playbook -i /srv/hosts.yml echobase.platform.status -e restore_state=abandoned`",
    ]
