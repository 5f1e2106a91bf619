#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_backup: a backup of the durable database that has been restored."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_backup
short_description: Back the durable database of an environment up, and prove it by a restore
description:
  - Takes a full or an incremental backup. The log is archived all the time, apart from this.
  - Verifies the newest backup by restoring it, with the log up to this very moment, into a throw-away server.
    There every table has to hold the rows and the checksum that the live database has, and the application has to be able to log in.
  - Reads another share of all that there is, so that a bit that flipped in an older backup is found before somebody needs it.
  - Lets the oldest backups go, but never the newest one that was verified, nor what it needs.
  - Whatever fails is written into C(<home>/<environment>/backups/<engine>-verified.json), shown by M(echobase.platform.environment_status)
    until a verification succeeds, and told to O(notify_command).
  - Only one runs at a time; another one waits.
options:
  take:
    description: V(auto) takes a full backup when there is none or the newest is older than O(full_every_days), else an incremental one.
    type: str
    choices: [auto, full, incremental, none]
    default: auto
  verify:
    description:
      - Restore the newest backup into a throw-away server and compare.
      - With O(take=none), and neither this nor O(expire), only the repository is prepared, and what feeds its archive of the log.
    type: bool
    default: true
  expire:
    description: Let backups go that neither O(keep_full) nor O(keep_days) keeps.
    type: bool
    default: true
  full_every_days:
    description: How old the newest full backup may get.
    type: int
    default: 7
  keep_full:
    description: How many full backups are kept at least.
    type: int
    default: 2
  keep_days:
    description: Every moment of so many days stays restorable.
    type: int
    default: 14
  read_days:
    description:
      - Within so many days everything that the repository holds is read, with what O(verify) does. V(0) reads all of it each time.
      - Of MariaDB's repository each run reads the share that was read longest ago, of PostgreSQL's all of it at once when it is time.
      - Damage is told with the backups and the moments that are lost for it, and the run fails, until nothing damaged is left.
    type: int
    default: 7
  notify_command:
    description:
      - A command that is run when something fails. It gets one line of JSON on its standard input, with the keys C(event), C(environment),
        C(engine), C(at), C(doing), C(cause) and C(remedy).
      - It is split into words as a shell would do it, and run without a shell.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be taken and what would go.
  diff_mode:
    support: full
    description: Shows which backups there are, before and after.
  idempotent:
    support: none
    description: Each run takes a backup, unless O(take=none).
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Back devlocal up, and prove it
  echobase.platform.durable_db_backup:
    environment: devlocal

- name: Prove again what is there
  echobase.platform.durable_db_backup:
    environment: devlocal
    take: none
    expire: false
"""

RETURN = r"""
backup:
  description: Name of the backup that was taken; empty if none was.
  returned: success
  type: str
kind:
  description: V(full) or V(incremental), in check mode what would be taken.
  returned: success
  type: str
proof_seconds:
  description: How long restore and comparison took.
  returned: unless it only prepared, or in check mode
  type: float
rows:
  description: How many rows were compared.
  returned: unless it only prepared, or in check mode
  type: int
mark:
  description: Name of the point up to which it was restored, which M(echobase.platform.durable_db_restore) takes as O(ignore:to).
  returned: unless it only prepared, or in check mode
  type: str
expired:
  description: The backups that went.
  returned: success
  type: list
  elements: str
restorable_as_of:
  description: The moment up to which a verified backup and an unbroken archive lead.
  returned: unless it only prepared
  type: str
proved_by:
  description: That backup.
  returned: unless it only prepared
  type: str
problem:
  description: What is wrong with backups or archive; empty when nothing is.
  returned: unless it only prepared
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.backups.notification import Notification
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.backups.run import BackupRun, WantedBackup
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "a backup")
    docker = docker_client()
    backups = BackupRun(
        docker=docker,
        env=env,
        engine=params["engine"],
        tool=backup_tool_of(params, docker, env),
        retention=Retention(**{name: params[name] for name in ("keep_full", "keep_days", "full_every_days")}),
        notification=Notification(params["notify_command"]),
        progress=Progress(params["progress"]),
        read_days=params["read_days"],
    )
    return backups.run(WantedBackup(**{name: params[name] for name in ("take", "verify", "expire")}), module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "take": {"type": "str", "choices": ["auto", "full", "incremental", "none"], "default": "auto"},
            "verify": {"type": "bool", "default": True},
            "expire": {"type": "bool", "default": True},
            "full_every_days": {"type": "int", "default": 7},
            "keep_full": {"type": "int", "default": 2},
            "keep_days": {"type": "int", "default": 14},
            "read_days": {"type": "int", "default": 7},
            "notify_command": {"type": "str", "default": ""},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
