#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_backup_info: what backups of the durable database there are, and what they are good for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_backup_info
short_description: Tell which backups of the durable database there are, and up to when it can be restored
description:
  - A backup counts as verified only if it was restored and compared, see M(echobase.platform.durable_db_backup).
options:
  check_repository:
    description: Have the repository itself checked, too. It reads what is stored, which takes its time.
    type: bool
    default: false
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
attributes:
  check_mode:
    support: full
    description: It never changes anything.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Look at the backups of devlocal
  echobase.platform.durable_db_backup_info:
    environment: devlocal
  register: backups

- name: Say up to when it can be restored
  ansible.builtin.debug:
    msg: "{{ backups.restorable }}"
"""

RETURN = r"""
backups:
  description: Oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    kind:
      description: V(full) or V(incremental).
      type: str
    needs:
      description: The backups without which it cannot be restored.
      type: list
      elements: str
    started:
      description: When it was begun.
      type: str
    restorable_from:
      description: The first moment that a restore of it can lead to.
      type: str
    restorable_until:
      description: The last one; from there on the archive has a gap, or ends.
      type: str
    gap:
      description: What the archive lacks behind that moment; empty when nothing.
      type: str
    size:
      description: Bytes it takes in the repository.
      type: int
    damaged:
      description: What was found damaged of it when the repository was read last; empty when nothing was.
      type: str
    verified:
      description: When it was restored and compared; empty when it never was.
      type: str
restorable:
  description: Up to when the database can be restored for certain, in one line.
  returned: success
  type: str
restorable_as_of:
  description: That moment; empty when it cannot be restored for certain.
  returned: success
  type: str
problems:
  description: What is wrong.
  returned: success
  type: list
  elements: str
"""

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.backups.published import published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "a list of backups")
    tool = backup_tool_of(params, docker_client(), env)
    record = BackupRecord(env, params["engine"]).read()
    proofs = record.proofs
    backups = []
    there = tool.backups()
    for backup, archive in zip(there, tool.archives_after(there), strict=True):
        backups.append(
            {
                "name": backup.name,
                "kind": backup.kind,
                "needs": list(backup.needs),
                "started": backup.started.isoformat(),
                "restorable_from": backup.consistent.isoformat(),
                "restorable_until": archive.until.isoformat(),
                "gap": archive.gap,
                "size": backup.size,
                "damaged": ", ".join(one.what for one in record.damage if backup.name in one.backups),
                "verified": proofs[backup.name].at.isoformat() if backup.name in proofs else "",
            }
        )
    found = published_restorable(env, params["engine"], tool, check_mode=module.check_mode)
    problems = [found.problem] if found.problem else []
    problems += tool.check() if params["check_repository"] else []
    return Outcome(
        changed=False,
        facts={
            "backups": backups,
            "restorable": found.line(datetime.now(UTC)),
            "restorable_as_of": found.as_of.isoformat() if found.as_of else "",
            "problems": problems,
        },
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENVIRONMENT_ARGUMENTS, **BACKUP_ARGUMENTS, "check_repository": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
