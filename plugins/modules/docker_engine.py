#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module docker_engine: installed and running."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_engine
short_description: A running Docker engine, with Compose v2 and mmdebstrap
description:
  - Installs from the distribution's packages what is missing, and starts the engine when it does not answer.
  - An engine that answers is left alone, wherever it came from.
  - Starts by systemd where that runs. Elsewhere the daemon is started detached, with its log in C(/var/log/dockerd.log).
  - On Debian 12, whose own Compose is too old, the package of Debian 13 is taken from the same mirror, pinned so that nothing else is.
extends_documentation_fragment:
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be installed and started.
  diff_mode:
    support: full
    description: Lists what is missing, and the steps.
  idempotent:
    support: full
    description: A second run finds the engine running.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See to a running engine
  echobase.platform.docker_engine:
"""

RETURN = r"""
engine_version:
  description: The version of the engine.
  returned: success
  type: str
compose_version:
  description: The version of the Compose plugin.
  returned: success
  type: str
steps:
  description: What was done, or would be.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.engine import DockerEngine
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def main() -> None:
    module = AnsibleModule(argument_spec={**PROGRESS_ARGUMENTS}, supports_check_mode=True)
    run(module, lambda: DockerEngine(Progress(module.params["progress"]), os.environ).running(module.check_mode))


if __name__ == "__main__":
    main()
