#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module db_migration: move the schema of the durable database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: db_migration
short_description: Move the schema of an environment's durable database
description:
  - Applies what is pending of one branch of the migrations in a release's image. With nothing pending, nothing is asked or changed.
  - A database with rows is changed only when its newest proved backup and the log since could restore it to a moment recent enough,
    and after the same migration succeeded on a server restored from that backup, where the deployed releases and the new one then served.
  - Each statement commits alone, waits at most a second for a table and then gives way, so that no customer queues up behind it for longer.
  - A migration that was broken off goes on where it stopped when it is run again. O(action=status) tells where that is.
options:
  action:
    description:
      - V(expand) adds what a new release needs and every older one survives.
      - V(contract) takes away what no release needs any more. It is refused while a colour holds a release that does not run without.
      - V(backfill) fills new columns of old rows ahead of the contract that demands them, in small batches.
      - V(status) tells what is applied, pending or half done.
    type: str
    choices: [expand, contract, backfill, status]
    required: true
  image:
    description: The backend image of the release whose migrations are meant.
    type: str
    required: true
  emulator_image:
    description: The emulator image of that release, for the rehearsal. When empty, only the deployed releases are rehearsed, not this one.
    type: str
    default: ""
  release:
    description: The name of that release, for the ledger.
    type: str
    default: ""
  gate:
    description: Whether a database with rows must be restorable, and the migration rehearsed.
    type: bool
    default: true
  restorable_minutes:
    description: How long ago the moment may be that a restore would get back to.
    type: int
    default: 60
  override:
    description: Why the schema is to be changed although O(gate) says no. It is recorded in the ledger.
    type: str
    default: ""
  patience:
    description: Seconds to go on trying while running transactions or another migration are in the way.
    type: int
    default: 300
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Nothing is changed; RV(sql) and the diff show every statement that would be sent.
  diff_mode:
    support: full
    description: The diff shows the revisions, in check mode the statements as well.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Add what the candidate needs
  echobase.platform.db_migration:
    environment: devlocal
    action: expand
    image: "{{ images_result.tags.backend }}"
    emulator_image: "{{ images_result.tags.emulator }}"
    release: "{{ images_result.release }}"

- name: Take away what no release needs any more, although the backups are away
  echobase.platform.db_migration:
    environment: devlocal
    action: contract
    image: "{{ images_result.tags.backend }}"
    override: "the backup server burned down, ticket 4711"
"""

RETURN = r"""
schema:
  description: The newest revision of each branch that is applied.
  returned: success
  type: list
  elements: str
  sample: [expand_0002, contract_0001]
applied:
  description: The revisions that this run applied, or in check mode would apply.
  returned: success
  type: list
  elements: str
pending:
  description: The revisions that are still to be applied, by branch.
  returned: success
  type: dict
half_done:
  description: Revisions that were begun and broken off, each with the statement that was sent last.
  returned: success
  type: list
  elements: dict
backfills:
  description: The backfills that could run now, with C(rows_done) and C(rows_left).
  returned: success
  type: list
  elements: dict
empty:
  description: Whether no table of the application has a row.
  returned: success
  type: bool
sql:
  description: The statements that would be sent.
  returned: success, in check mode
  type: str
rows_filled:
  description: Rows that a backfill filled, or in check mode would fill.
  returned: success
  type: int
statements:
  description: Each statement with its tries and its C(seconds).
  returned: success
  type: list
  elements: dict
rehearsal:
  description:
    - What the rehearsal measured, C(statements) with their C(seconds) and C(held_up_seconds), the longest that a writer waited for each;
      C(passed) by release; C(restore_seconds) and C(seconds).
    - Empty when there was none.
  returned: success
  type: dict
"""

from functools import partial
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.backups.published import published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord
from ansible_collections.echobase.platform.plugins.module_utils.migrations.deployed_releases import DeployedReleases
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob, ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.migration import ACTIONS, DbMigration, WantedMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.rehearsal import MigrationRehearsal
from ansible_collections.echobase.platform.plugins.module_utils.migrations.release_on_copy import DeployedRelease
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restored_copy import restored_copy
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaWatch


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env, engine, image = environment_of(params), params["engine"], params["image"]
    docker = docker_client()
    deployed = DeployedReleases(docker, env)
    has_replica = ReplicaWatch(docker, env, engine).is_running()
    migration = DbMigration(
        job=MigrationJob(docker, env, image, ReachableDatabase.live(env, engine, has_replica=has_replica)),
        ledger=Ledger(Path(env.path("ledger.jsonl"))),
        contracts=deployed.contracts,
        progress=Progress(params["progress"]),
    )
    if params["gate"]:
        tool = backup_tool_of(params, docker, env)

        def up_to_date() -> Restorable:
            if not module.check_mode:
                tool.archive_now()
            return published_restorable(env, engine, tool, check_mode=module.check_mode)

        releases = [release for release in deployed.all() if release.backend != image]
        if params["emulator_image"]:
            releases.append(DeployedRelease(params["release"] or image, image, params["emulator_image"]))
        migration.gate = MigrationGate(up_to_date, params["restorable_minutes"])
        migration.rehearsal = MigrationRehearsal(docker, env, image, releases, partial(restored_copy, docker, env, engine, tool))
    wanted = WantedMigration(params["action"], params["patience"], params["override"], params["release"])
    if module.check_mode or wanted.action == "status":
        return migration.ensure(wanted, module.check_mode)
    return OperationRecord(env, wanted.action, engine).of_quick(lambda: migration.ensure(wanted, check_mode=False))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "action": {"type": "str", "choices": list(ACTIONS), "required": True},
            "image": {"type": "str", "required": True},
            "emulator_image": {"type": "str", "default": ""},
            "release": {"type": "str", "default": ""},
            "gate": {"type": "bool", "default": True},
            "restorable_minutes": {"type": "int", "default": 60},
            "override": {"type": "str", "default": ""},
            "patience": {"type": "int", "default": 300},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
