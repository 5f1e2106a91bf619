#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_restore: an earlier state of the durable database, beside the present one and then in its place."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_restore
short_description: Restore the durable database of an environment to an earlier state
description:
  - Never overwrites a database. The volume holds generations of data; a restore builds the next one beside the one that is served,
    tries it with a throw-away server, and lists what was acknowledged and is not in it.
  - Only then, and only with the volume's exact name typed, it takes the other one's place. The one before is kept until that is confirmed.
  - Killed at any step it goes on with the next run, or back with O(state=abandoned). How far it is stands in
    C(<home>/<environment>/durable/restore.json).
  - It does not show the maintenance page; C(playbooks/restore.yml) does.
options:
  state:
    description:
      - V(built) builds and tries the generation, and lists what would be discarded. What is served is not touched.
      - V(live) ends all connections that could write, archives the log, lists anew what will be discarded, and swaps the generations.
      - V(abandoned) goes back from V(built), or from a V(live) that was cut off.
      - V(confirmed) deletes the generation that served before. There is no way back from there.
    type: str
    choices: [built, live, abandoned, confirmed]
    default: built
  to:
    description:
      - Where the restore ends, with O(state=built).
      - V(latest), or a moment such as V(2026-03-01T12:31:05Z), or the name of a mark that M(echobase.platform.durable_db_backup) returned.
      - The number of a generation that is still there goes back to that one, such as the way back from a restore.
    type: str
    default: latest
  confirm:
    description: With O(state=live) the exact name of the volume, with O(state=confirmed) the number of the generation that shall go.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says from which backup and into which generation, or refuses as it would.
  diff_mode:
    support: full
    description: Shows how far the restore is, before and after.
  idempotent:
    support: full
    description: A generation that is built for the same O(to) is kept, and one that is live stays so.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Build the database as it was at half past twelve
  echobase.platform.durable_db_restore:
    environment: devlocal
    to: "2026-03-01T12:30:00Z"
  register: restore

- name: Let it take over
  echobase.platform.durable_db_restore:
    environment: devlocal
    state: live
    confirm: echobase-devlocal-durable-mariadb-data

- name: Delete what was before
  echobase.platform.durable_db_restore:
    environment: devlocal
    state: confirmed
    confirm: "{{ restore.previous }}"
"""

RETURN = r"""
volume:
  description: The volume, whose name confirms.
  returned: success
  type: str
step:
  description: How far the restore is, V(none) when there is none.
  returned: success
  type: str
generation:
  description: The generation that was or would be built.
  returned: success
  type: str
previous:
  description: The generation that served before.
  returned: success
  type: str
backup:
  description: The backup it was built from.
  returned: success
  type: str
rows:
  description: How many rows the application's tables hold in it.
  returned: success
  type: int
discarded:
  description: How many acknowledged entries the served database has that this one lacks.
  returned: success
  type: int
discarded_unknown:
  description: Why that is not known; empty when it is.
  returned: success
  type: str
discarded_newest:
  description: The newest of them, as the application lists them.
  returned: success
  type: list
  elements: str
discarded_file:
  description: File with all of them.
  returned: success
  type: str
restorable_until:
  description: Up to when each backup that leads there can be restored, with O(state=built).
  returned: success
  type: list
  elements: str
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
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "a restore")
    # Stopping a server takes as long as what it has in memory takes to write.
    docker = docker_client(timeout=900)
    restore = DatabaseRestore(docker, env, params["engine"], backup_tool_of(params, docker, env), Progress(params["progress"]))
    return restore.run(params["state"], params["to"], params["confirm"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "state": {"type": "str", "choices": ["built", "live", "abandoned", "confirmed"], "default": "built"},
            "to": {"type": "str", "default": "latest"},
            "confirm": {"type": "str", "default": ""},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
