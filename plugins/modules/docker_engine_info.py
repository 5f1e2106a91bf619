#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module docker_engine_info: what this host has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_engine_info
short_description: Does the Docker engine answer, and what is missing beside it
description:
  - Asks the engine for its version, and looks for its client, Compose v2 and mmdebstrap. Changes nothing.
attributes:
  check_mode:
    support: full
    description: It only reads.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Look at the engine
  echobase.platform.docker_engine_info:
  register: engine
"""

RETURN = r"""
reachable:
  description: Whether the engine answers.
  returned: success
  type: bool
engine_version:
  description: The version of the engine; empty when it does not answer.
  returned: success
  type: str
compose_version:
  description: The version of the Compose plugin; empty when there is none, or only version 1.
  returned: success
  type: str
missing:
  description: What is not installed, of C(engine), C(client), C(compose) and C(mmdebstrap).
  returned: success
  type: list
  elements: str
cause:
  description: Why the engine does not answer; empty when it does.
  returned: success
  type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.engine import gather
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def look() -> Outcome:
    facts = gather(os.environ)
    return Outcome(
        changed=False,
        facts={
            "reachable": bool(facts.engine_version),
            "engine_version": facts.engine_version,
            "compose_version": facts.compose_version,
            "missing": facts.missing,
            "cause": facts.silence,
        },
    )


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    run(module, look)


if __name__ == "__main__":
    main()
