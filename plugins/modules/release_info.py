#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module release_info: what may be promoted, where a rollback leads, and the last events."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Tell what may be promoted and where a rollback leads
description:
  - Reads the ledger of releases and compares it with where traffic is now.
options:
  live:
    description: The colours that have traffic, as M(echobase.platform.bluegreen_info) returns them.
    type: list
    elements: str
    required: true
  last:
    description: How many of the newest events to return.
    type: int
    default: 5
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: It never changes anything.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See what may be promoted
  echobase.platform.release_info:
    environment: devlocal
    live: "{{ traffic.live }}"
  register: releases
"""

RETURN = r"""
candidate:
  description: The colour deployed last; empty when there is none.
  returned: success
  type: str
candidate_release:
  description: The release in it, as it was proved and recorded.
  returned: success
  type: str
rollback_target:
  description: The colour that a rollback leads to; empty when nothing is live.
  returned: success
  type: str
history:
  description: The newest events, newest first.
  returned: success
  type: list
  elements: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    ledger = Ledger(Path(environment_of(module.params).path("ledger.jsonl")))
    history = ReleaseHistory(ledger.entries(), module.params["live"])
    facts = {
        "candidate": history.candidate,
        "candidate_release": history.candidate_release,
        "rollback_target": history.rollback_target,
        "history": history.last(module.params["last"]),
    }
    return Outcome(changed=False, facts=facts)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "live": {"type": "list", "elements": "str", "required": True},
            "last": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
