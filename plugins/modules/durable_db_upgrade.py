#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_upgrade: the durable database on another major version, and back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_upgrade
short_description: Bring the durable database of an environment to another major version
description:
  - Never upgrades the data that are served. A copy of them becomes the next generation in the volume, is upgraded, compared table by table
    with what the database holds, and takes its place together with the new server.
  - The generation of before is kept, with its major version, until M(echobase.platform.durable_db_restore) confirms that it may go.
  - Killed at any step it goes on with the next run, or back with O(state=abandoned). How far it is stands in
    C(<home>/<environment>/durable/restore.json), as it does for a restore.
  - It does not show the maintenance page; C(playbooks/upgrade.yml) does.
options:
  state:
    description:
      - V(checked) tells which major versions the data have and shall have, and refuses what cannot be done. Nothing is changed.
      - V(rehearsed) restores the newest proved backup, upgrades that, and has the new server serve it. What is served is not touched.
      - V(live) ends all connections that could write, then copies, upgrades, compares and swaps.
      - V(reverted) goes back to the generation and the major version of before an upgrade that is live.
      - V(abandoned) goes back from a V(live) or a V(reverted) that was cut off.
    type: str
    choices: [checked, rehearsed, live, reverted, abandoned]
    default: checked
  version:
    description: The wanted major version. When empty, the newest there is an image of.
    type: str
    default: ""
  present_image:
    description:
      - The image of the major version that the data have now. With PostgreSQL the one from the present catalogue, which has the newest
        server, too.
      - Like O(ignore:image) not needed with O(state=checked), nor in check mode.
    type: str
    default: ""
  confirm:
    description: With O(state=reverted) the exact name of the volume, since what was acknowledged after the upgrade is discarded.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.database_server
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says from which major version to which, or refuses as it would.
  diff_mode:
    support: full
    description: Shows major version, generation and how far the upgrade is, before and after.
  idempotent:
    support: full
    description: Data that have the wanted major version stay as they are. A rehearsal is done each time.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See what there is to do
  echobase.platform.durable_db_upgrade:
    environment: devlocal
    engine: postgresql
    version: "17"

- name: Let the upgraded copy take over
  echobase.platform.durable_db_upgrade:
    environment: devlocal
    engine: postgresql
    version: "17"
    state: live
    image: "{{ images_result.tags.postgres }}"
    present_image: "{{ images_result.tags['postgres-15'] }}"
"""

RETURN = r"""
volume:
  description: The volume, whose name confirms.
  returned: success
  type: str
step:
  description: How far the upgrade is, V(none) when there is none.
  returned: success
  type: str
present_major:
  description: The major version that served before; with an upgrade that was cut off the one it came from.
  returned: success
  type: str
wanted_major:
  description: The major version that serves afterwards.
  returned: success
  type: str
generation:
  description: The generation that was or is being built.
  returned: success
  type: str
previous:
  description: The generation of before.
  returned: success
  type: str
backup:
  description: The backup that was upgraded, with O(state=rehearsed).
  returned: success
  type: str
rows:
  description: How many rows it held, and were the same afterwards.
  returned: success
  type: int
seconds:
  description: How long upgrade and comparison took in the rehearsal.
  returned: success
  type: float
discarded:
  description: How many entries were acknowledged since the upgrade, with O(state=reverted).
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
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.module.server_arguments import SERVER_ARGUMENTS, definition_of
from ansible_collections.echobase.platform.plugins.module_utils.upgrade.upgrade import DatabaseUpgrade


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    refuse_external(env, "an upgrade")
    # Stopping a server takes as long as what it has in memory takes to write.
    docker = docker_client(timeout=900)
    upgrade = DatabaseUpgrade(
        docker=docker,
        env=env,
        wanted=definition_of(params, env),
        wanted_major=params["version"],
        present_image=params["present_image"],
        tool=backup_tool_of(params, docker, env),
        progress=Progress(params["progress"]),
    )
    return upgrade.run(params["state"], params["confirm"], module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **SERVER_ARGUMENTS,
            "state": {"type": "str", "choices": ["checked", "rehearsed", "live", "reverted", "abandoned"], "default": "checked"},
            "version": {"type": "str", "default": ""},
            "present_image": {"type": "str", "default": ""},
            "confirm": {"type": "str", "default": ""},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
