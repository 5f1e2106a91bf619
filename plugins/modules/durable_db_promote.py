#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_promote: the replica of the durable database takes its place."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_promote
short_description: Let the replica of the durable database take its place
description:
  - The replica's data become the next generation in the volume of the database, which keeps its name, its port and its accounts.
    The data it had before are kept as the generation before, and no server starts on them any more.
  - A database that answers is first closed to everybody who writes, and the replica gets the last of what was written. Nothing is lost.
  - With one that does not, its data tell how many transactions the replica lacks. Unless these are proved to be none, O(accept_loss) has to
    be given.
  - Killed at any step it goes on with the next run, or back with O(state=abandoned). How far it is stands in
    C(<home>/<environment>/durable/restore.json).
  - It does not show the maintenance page; C(playbooks/promote_replica.yml) does.
options:
  state:
    description:
      - V(promoted) lets the replica take over.
      - V(abandoned) goes back from a promotion that was cut off. Back from one that is done leads M(echobase.platform.durable_db_restore).
    type: str
    choices: [promoted, abandoned]
    default: promoted
  accept_loss:
    description: Give up for good what a database that is dead had not sent to its replica.
    type: bool
    default: false
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Refuses as it would, save that a loss is only found out about when the database is stopped for good.
  diff_mode:
    support: full
    description: Shows how far the promotion is, before and after.
  idempotent:
    support: full
    description: Once it is done nothing happens, until there is a new replica.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: The replica takes over
  echobase.platform.durable_db_promote:
    environment: ci
    engine: postgresql

- name: It takes over from a database that is dead, whatever is lost
  echobase.platform.durable_db_promote:
    environment: ci
    engine: postgresql
    accept_loss: true
"""

RETURN = r"""
volume:
  description: The volume of the database.
  returned: success
  type: str
step:
  description: V(none), V(closing), V(promoting), V(swapping) or V(live).
  returned: success
  type: str
generation:
  description: The generation that the replica's data are.
  returned: success
  type: str
  sample: "000002"
previous:
  description: The generation that served before.
  returned: success
  type: str
  sample: "000001"
lost_transactions:
  description: How many transactions of the former primary never arrived at the replica.
  returned: success
  type: int
lost_unknown:
  description: Why nobody can tell how many; empty where it is known.
  returned: success
  type: str
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
from ansible_collections.echobase.platform.plugins.module_utils.replica.promotion import ReplicaPromotion


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "the promotion of a replica")
    # Stopping a server takes as long as what it has in memory takes to write.
    docker = docker_client(timeout=900)
    promotion = ReplicaPromotion(docker, env, params["engine"], backup_tool_of(params, docker, env), Progress(params["progress"]))
    return promotion.run(params["state"], module.check_mode, accept_loss=params["accept_loss"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "state": {"type": "str", "choices": ["promoted", "abandoned"], "default": "promoted"},
            "accept_loss": {"type": "bool", "default": False},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
