#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module colour_work: what is done with a colour beside its deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: colour_work
short_description: Have a colour finish what it has accepted, hand it over, or take new passwords
description:
  - Runs the application's job C(drain) once, if it has one. The job is told in E(ECHOBASE_COLOUR) whose work is meant, in
    E(ECHOBASE_DRAIN_SECONDS) how long it may take, and in E(ECHOBASE_HAND_TO) which colour takes what is left.
  - Without such a job there is nothing to finish but the requests that are being answered.
options:
  colour:
    description: The colour.
    type: str
    choices: [blue, green]
    required: true
  state:
    description:
      - V(finished) stops what customers reach of the colour, and has it finish its work or hand it over.
      - V(adopted) takes over what the other colour left behind when it was removed.
      - V(informed) starts the services again that read O(passwords) only when they start (C(x-echobase.reads_once)). A colour whose
        programs are told one of them in a variable is refused, since only a new deployment changes that.
    type: str
    choices: [finished, adopted, informed]
    default: finished
  seconds:
    description: With O(state=finished) how long the colour may take.
    type: float
    default: 30
  passwords:
    description: With O(state=informed) which passwords change.
    type: list
    elements: str
    default: []
  anyway:
    description: With O(state=informed) whether programs that are told a password in a variable may fail until they are deployed again.
    type: bool
    default: false
  hand_to:
    description: With O(state=finished) the colour that takes what is left then. With V(none) it stays behind, which is told.
    type: str
    choices: [blue, green, none]
    default: none
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is stopped or run.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have blue finish, and green take what is left
  echobase.platform.colour_work:
    environment: devlocal
    colour: blue
    hand_to: green
"""

RETURN = r"""
told:
  description: What the job said in its last line, where that is a JSON object. C(handed_over) is how much another colour took.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.work import ColourWork
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    work = ColourWork(env, env.colour(params["colour"]))
    if params["state"] == "adopted":
        return work.adopt(module.check_mode)
    if params["state"] == "informed":
        return work.take_passwords(params["passwords"], params["anyway"], module.check_mode)
    return work.finish(params["seconds"], params["hand_to"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "state": {"type": "str", "choices": ["finished", "adopted", "informed"], "default": "finished"},
            "passwords": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "anyway": {"type": "bool", "default": False},
            "seconds": {"type": "float", "default": 30},
            "hand_to": {"type": "str", "choices": ["blue", "green", "none"], "default": "none"},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
