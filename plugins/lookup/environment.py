# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup environment: everything that follows from what the inventory says about an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
name: environment
short_description: Names, ports, addresses and folders of the environment that the inventory describes
description:
  - Reads the inventory's variables C(echobase_env), C(echobase_home), C(echobase_network_prefix), C(echobase_index), C(echobase_ports),
    C(echobase_subnets) and C(echobase_public_names), so that nobody has to hand them on.
  - How ports and subnets follow from the index is in C(docs/operate/environments.md).
options:
  _terms:
    description: None are taken.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Say where the edge listens
  ansible.builtin.debug:
    msg: "{{ lookup('echobase.platform.environment').public_url }}"
"""

RETURN = r"""
_raw:
  description: The environment.
  type: list
  elements: dict
"""

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import DEFAULT_NETWORK_PREFIX
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import as_facts
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import environment_of

# What a module gets as an option, by the inventory's variable.
_VARIABLES = {
    "environment": "echobase_env",
    "home": "echobase_home",
    "network_prefix": "echobase_network_prefix",
    "index": "echobase_index",
    "ports": "echobase_ports",
    "subnets": "echobase_subnets",
    "public_names": "echobase_public_names",
}


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible comes without types
    def run(self, terms: Sequence[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        known = variables or {}
        given = {option: self._templar.template(known[name]) for option, name in _VARIABLES.items() if name in known}
        try:
            return [as_facts(environment_of(params_of(given)))]
        except Refusal as refusal:
            raise AnsibleLookupError(str(refusal)) from refusal


def params_of(given: dict[str, Any]) -> dict[str, Any]:
    if "environment" not in given:
        raise Refusal("the inventory names no environment", "add a line such as 'echobase_env: staging' to it")
    index = given.get("index")
    if index is not None and not str(index).isdecimal():
        raise Refusal(f"echobase_index is '{index}'", "give a whole number")
    defaults = {"home": "", "network_prefix": DEFAULT_NETWORK_PREFIX}
    return defaults | given | {"index": None if index is None else int(index)}
