#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_drill: what a loss of the machine would cost, measured."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_drill
short_description: Measure what a loss of the machine would cost
description:
  - Writes rows into a table of its own, thinks the machine lost in the middle of it, and restores what the repository holds at that moment
    into a throw-away server.
  - Fails when a row is missing that was written before the moment up to which the backups promise to restore.
  - The database goes on serving meanwhile; the table is removed in the end.
options:
  write_seconds:
    description: For how long rows are written. Longer than the log takes to be archived, so that the loss falls into the middle of it.
    type: int
    default: 45
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: none
    description: It cannot be foretold, and is skipped.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Measure what a loss of the machine would cost
  echobase.platform.durable_db_drill:
    environment: devlocal
  register: drill
"""

RETURN = r"""
backup:
  description: The backup that was restored.
  returned: success
  type: str
rpo_seconds:
  description: How old what came back was when the machine was lost, that is how many seconds of commits were lost with it.
  returned: success
  type: float
rto_seconds:
  description: How long it took until the application could log in to what came back.
  returned: success
  type: float
promised_until:
  description: The moment up to which the repository promised to restore.
  returned: success
  type: str
lost_at:
  description: When the machine was thought lost.
  returned: success
  type: str
written:
  description: How many rows were written.
  returned: success
  type: int
restored:
  description: How many of them came back.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.restore.drill import RestoreDrill


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "a restore drill")
    docker = docker_client()
    drill = RestoreDrill(
        docker=docker,
        env=env,
        engine=params["engine"],
        tool=backup_tool_of(params, docker, env),
        progress=Progress(params["progress"]),
        write_seconds=params["write_seconds"],
    )
    return drill.run()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "write_seconds": {"type": "int", "default": 45},
            **PROGRESS_ARGUMENTS,
        },
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
