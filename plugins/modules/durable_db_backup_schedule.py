#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_backup_schedule: a backup every day."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_backup_schedule
short_description: Have the durable database of an environment backed up every day
description:
  - Writes a systemd timer, or a file in C(/etc/cron.d) where systemd does not run, that runs the playbook.
options:
  at:
    description: Time of day as V(03:10), by the clock of the machine. When empty there is no schedule, and one that is there is removed.
    type: str
    default: ""
  command:
    description: What is run.
    type: list
    elements: str
    default: []
  look:
    description:
      - What is run every 15 minutes as long as there is a schedule. It looks at what could be restored, so that the metrics of the
        environment know. When empty nothing looks.
    type: list
    elements: str
    default: []
  directory:
    description: Where they are run.
    type: path
    default: /
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode.
  diff_mode:
    support: full
    description: Shows the files.
  idempotent:
    support: full
    description: Files that are as wanted are left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Back devlocal up every night
  echobase.platform.durable_db_backup_schedule:
    environment: devlocal
    at: "03:10"
    command: [/usr/bin/ansible-playbook, playbooks/backup.yml]
    directory: /srv/echobase
"""

RETURN = r"""
files:
  description: The files that make the schedule.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.backups.schedule import BackupSchedule
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    if params["at"]:
        refuse_external(env, "a schedule of backups")
    schedule = BackupSchedule(env, params["at"], params["command"], params["directory"], look=params["look"])
    return schedule.ensure(module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "at": {"type": "str", "default": ""},
            "command": {"type": "list", "elements": "str", "default": []},
            "look": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
