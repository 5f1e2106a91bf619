#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module release_ledger: record that something happened to a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_ledger
short_description: Record an event of a release
description:
  - Appends one line to the environment's ledger. Each line carries the hash of the one before, so a changed or cut ledger is noticed.
options:
  event:
    description:
      - What happened. V(canary) is that some customers try it, V(switched) that somebody sent traffic by hand,
        V(replayed) and V(discarded) that dead letters were handled again or given up,
        V(closed) and V(opened) that the maintenance page came and went, V(migrated) that the schema was changed, and V(overridden) that it
        was changed although nothing proved that it could be restored.
    type: str
    choices: [deployed, verified, canary, promoted, rolled_back, switched, closed, opened, removed, overridden, migrated, restored,
      replica_promoted, upgraded, replayed, discarded]
    required: true
  colour:
    description: The colour it happened to; empty when it concerns none in particular.
    type: str
    choices: [blue, green, ""]
    default: ""
  release:
    description: The release in that colour.
    type: str
    default: ""
  details:
    description: Anything else worth keeping, such as image tags, weights or the reason for a break-glass override.
    type: dict
    default: {}
  by:
    description: Who did it. The action plugin fills it in - the user of AWX, GitLab, GitHub or sudo, in this order, else the controller's.
    type: str
    default: ""
  trace_id:
    description: The trace of this run, which is kept among the details. The action plugin fills it in.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Record a promotion
  echobase.platform.release_ledger:
    environment: devlocal
    event: promoted
    colour: green
    release: 0.1.0-1a2b3c4d
"""

RETURN = r"""
entry:
  description: The line as it was written.
  returned: unless in check mode
  type: dict
"""

from contextlib import nullcontext
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import EVENTS, Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env, number = environment_of(params), params["lease"] or None
    traced = {"trace_id": params["trace_id"]} if params["trace_id"] else {}
    entry = new_entry(params["event"], params["colour"], params["release"], params["details"] | traced, by=params["by"], lease=number)
    if module.check_mode:
        return Outcome(changed=True, after=entry)
    # Whoever takes the lease over records what was not recorded; so nothing is recorded twice, nor by nobody.
    with ReleaseLease(env).held(number) if number else nullcontext():
        written = Ledger(Path(env.path("ledger.jsonl"))).append(entry)
    return Outcome(changed=True, after=entry, facts={"entry": written})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "event": {"type": "str", "choices": list(EVENTS), "required": True},
            "colour": {"type": "str", "choices": ["blue", "green", ""], "default": ""},
            "release": {"type": "str", "default": ""},
            "details": {"type": "dict", "default": {}},
            "by": {"type": "str", "default": ""},
            "trace_id": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
