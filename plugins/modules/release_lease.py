#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module release_lease: one run at a time changes an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_lease
short_description: Have an environment for one run alone
description:
  - Every playbook that changes an environment's colours, traffic, schema or data takes the lease first and gives it back at its end.
    Whoever comes second is told who has it, and since when.
  - Each lease has a number, higher than all before. The modules of a run that come with it (option C(lease), best by C(module_defaults))
    do nothing once somebody else has taken over, and the routing table refuses the lower number.
  - Where a run ended without giving its lease back, the next one takes over. A process on the same machine is looked up; a run on another
    machine counts as ended when its lease was not renewed for 60 seconds.
  - What a run that was cut off had done and not yet recorded, a switch of traffic or the removal of a colour, goes into the ledger then.
  - A rollback has the right of way. It stops a release that is under way, whose next step then refuses. Beside a run that works on the
    durable layer it moves traffic without taking the lease.
options:
  state:
    description: V(taken) takes the lease, V(returned) gives it back. A run that has it already keeps it.
    type: str
    choices: [taken, returned]
    default: taken
  operation:
    description: What the run does. Needed to take the lease.
    type: str
    choices: [deploy, promote, canary, rollback, switch, maintenance, migrate, cleanup, teardown, setup, restore, upgrade, promote_replica,
      rotate_secrets, dead_letters, watch]
  wait:
    description: Seconds to wait for a run that has the lease.
    type: float
    default: 0
  holder:
    description: Which run this is. The module's own action plugin fills it in.
    type: dict
    suboptions:
      run:
        description: A name that no other run has.
        type: str
        required: true
      owner:
        description: Who started the run.
        type: str
        required: true
      machine:
        description: The machine on which the run's process is, as its kernel names it.
        type: str
        required: true
      host:
        description: What people call that machine.
        type: str
        required: true
      process:
        description: The number of the process.
        type: int
        required: true
      started:
        description: When the process began, as the kernel counts.
        type: int
        required: true
  ended_run:
    description: A run of which the controller knows that it has ended. The action plugin fills it in.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is taken in check mode; what would be refused is refused.
  diff_mode:
    support: none
    description: There is nothing to show.
notes:
  - It never reports a change, since nothing of the lease is left at the end of a run.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Move traffic while nobody else does anything
  hosts: echobase
  module_defaults:
    group/echobase.platform.environment:
      environment: devlocal
      lease: "{{ release_lease.number | default(omit) }}"
  tasks:
    - name: Have the environment alone
      echobase.platform.release_lease:
        operation: switch
        wait: 60
      register: release_lease

    - name: Move traffic
      echobase.platform.bluegreen_switch:
        to: green

    - name: Let others have it
      echobase.platform.release_lease:
        state: returned
"""

RETURN = r"""
number:
  description: The lease's number.
  returned: when taken, unless in check mode
  type: int
taken_over:
  description: The run that ended without giving its lease back; empty when there was none.
  returned: when taken, unless in check mode
  type: str
fenced_off:
  description: The run that a rollback stopped; empty when there was none.
  returned: when taken, unless in check mode
  type: str
beside:
  description: The run beside which a rollback moves traffic; empty when there is none.
  returned: when taken, unless in check mode
  type: str
recorded:
  description: The events that the run before had no time to record.
  returned: when taken, unless in check mode
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import OPERATIONS, ReleaseLease, Taken
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of

_HOLDER = {
    "run": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "machine": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "process": {"type": "int", "required": True},
    "started": {"type": "int", "required": True},
}


def warnings_of(taken: Taken) -> list[str]:
    warnings = []
    if taken.fenced_off:
        warnings.append(
            f"this rollback has stopped {taken.fenced_off}: the next step of that run refuses, {playbook('status')} shows what it left"
        )
    if taken.beside:
        warnings.append(f"this rollback moves traffic beside {taken.beside}, which goes on")
    if taken.recorded:
        warnings.append(f"what was cut off before it could be recorded is in the ledger now: {', '.join(taken.recorded)}")
    return warnings


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    lease = ReleaseLease(environment_of(params))
    holder = dict(params["holder"])
    name, owner = holder.pop("run"), holder.pop("owner")
    if params["state"] == "returned":
        if params["lease"] and not module.check_mode:
            lease.give_back(params["lease"], name)
        return Outcome(changed=False)
    if module.check_mode:
        lease.look(params["operation"], name)
        return Outcome(changed=False)
    taken = lease.take(Lease(0, name, owner, params["operation"], ProcessIdentity(**holder)), params["wait"], params["ended_run"])
    return Outcome(changed=False, facts=asdict(taken), warnings=warnings_of(taken))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "state": {"type": "str", "choices": ["taken", "returned"], "default": "taken"},
            "operation": {"type": "str", "choices": list(OPERATIONS)},
            "wait": {"type": "float", "default": 0},
            "holder": {"type": "dict", "options": _HOLDER},
            "ended_run": {"type": "str", "default": ""},
        },
        required_if=[("state", "taken", ("operation",))],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
