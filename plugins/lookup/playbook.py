# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup playbook: the command that runs a playbook of this collection, as this user has to type it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: playbook
short_description: The command that runs a playbook of this collection, as this user has to type it
description:
  - Playbooks are started from a checkout, by the name that an installed collection gives them, or by AWX. Messages name the right way.
  - Further keyword arguments are variables that the command gives with C(-e).
options:
  _terms:
    description: The playbook's name, without folder and ending.
    required: true
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Say how to go on
  ansible.builtin.debug:
    msg: "{{ lookup('echobase.platform.playbook', 'restore', restore_state='abandoned') }} goes back"
"""

RETURN = r"""
_raw:
  description: The command, in backticks where it can be typed.
  type: list
  elements: str
"""

from collections.abc import Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.plugin_utils.caller import this_caller


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible comes without types
    def run(self, terms: Sequence[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        caller = this_caller(variables or {})
        return [caller.told(playbook(str(name), **kwargs)) for name in terms]
