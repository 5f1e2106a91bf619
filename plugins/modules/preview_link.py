#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module preview_link: a colour for somebody without an account."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preview_link
short_description: Make a link that shows one colour to somebody without an account
description:
  - The link opens the preview of one colour at the operators' entrance, and nothing else, until it expires. It cannot be taken back before.
options:
  colour:
    description: The colour to show, whether it has traffic or not.
    type: str
    required: true
  minutes:
    description: How long the link is good for.
    type: int
    default: 60
  host:
    description: The name under which the colleague reaches this environment; without it the first of O(public_names).
    type: str
    default: ""
  show:
    description:
      - Whether the link is returned, so that it can be shown. Without it that depends on who would see it. The action plugin finds out
        whether that is a terminal, and no log of AWX or of a pipeline; otherwise it writes the link into a file on the controller.
    type: bool
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
- name: Show the candidate to a colleague for half an hour
  echobase.platform.preview_link:
    environment: devlocal
    colour: green
    minutes: 30
    host: shop.example.com
  register: preview
"""

RETURN = r"""
url:
  description: The link. Whoever has it can use it. Empty where it is in RV(file).
  returned: success
  type: str
file:
  description: The file on the controller that the link is in, readable by the user of this run alone.
  returned: when the link is not to be seen
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.preview import preview_link
from ansible_collections.echobase.platform.plugins.module_utils.credentials.reader import read_secret
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    key = read_secret(env, "preview_key")
    return Outcome(changed=False, facts={"url": preview_link(env, params["colour"], key, params["minutes"], params["host"])})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "required": True},
            "minutes": {"type": "int", "default": 60},
            "host": {"type": "str", "default": ""},
            "show": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
