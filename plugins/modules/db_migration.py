#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module db_migration: move the schema of the durable database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: db_migration
short_description: Move the schema of an environment's durable database
description:
  - Runs the job C(schema) of a release, which tells what is pending and applies one branch. With nothing pending, nothing is asked or
    changed. An application without that job may have plain commands, C(expand) and C(contract); these run once each time, and their exit
    code decides. Without any of them there is nothing to do.
  - A database with rows is changed only when its newest proved backup and the log since could restore it to a moment recent enough,
    and after the same migration succeeded on a server restored from that backup, where the deployed releases and the new one then served.
  - Of a database that somebody else runs no backup is seen. The command C(restore_points) of C(echobase_external_database) tells to when it
    could be restored, and the rehearsal is on a dump of it in a server of our own, unless C(rehearsal) is false there.
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
  colour:
    description: The colour whose release is meant. Either it or O(definition) is needed.
    type: str
    choices: [blue, green]
  definition:
    description: The application, for a release that is not deployed yet. It needs O(images) and O(release).
    type: dict
  images:
    description: The image of each service.
    type: dict
    default: {}
  release:
    description: The identity of that release.
    type: str
    default: ""
  version:
    description: The version that people see. Empty means the part of the release's identity before the dash.
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
    definition: "{{ application_result.definition }}"
    images: "{{ application_images_result.images }}"
    release: "{{ application_images_result.release }}"

- name: Take away what no release needs any more, although the backups are away
  echobase.platform.db_migration:
    environment: devlocal
    action: contract
    colour: green
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
  description: Whether no table of the application has a row. V(false) where its jobs do not tell.
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
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed, StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.backups.published import published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.database.acknowledged import has_tables
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of, engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase, external_database
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.console import has_tables as external_has_tables
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.migrations.deployed_releases import DeployedReleases
from ansible_collections.echobase.platform.plugins.module_utils.migrations.dumped_copy import dumped_copy
from ansible_collections.echobase.platform.plugins.module_utils.migrations.external_gate import ExternalGate
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import SCHEMA, MigrationJob, ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.migration import ACTIONS, DbMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.plain_command import PlainMigration, nothing_to_migrate
from ansible_collections.echobase.platform.plugins.module_utils.migrations.preparation import Preparation, WantedMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.rehearsal import MigrationRehearsal
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restored_copy import restored_copy
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaWatch


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env, engine = environment_of(params), params["engine"]
    release = _release(env, params)
    wanted = WantedMigration(params["action"], params["patience"], params["override"], release.release)
    jobs = release.definition.settings.jobs
    if SCHEMA not in jobs and wanted.action not in jobs:
        return nothing_to_migrate(wanted, tuple(job for job in ("expand", "contract") if job in jobs))
    docker = docker_client()
    deployed = DeployedReleases(docker, env)
    by = ReleaseLease(env).read().owner if params["lease"] else ""
    preparation = Preparation(Ledger(Path(env.path("ledger.jsonl"))), progress=Progress(params["progress"]), by=by)
    external = external_database(env)
    if external is not None:
        engine = external.engine
    if params["gate"] and external is not None:
        preparation.gate = ExternalGate.of(external, params["restorable_minutes"])
        if not external.rehearsal_image:
            preparation.unrehearsed = f"echobase_external_database.rehearsal is false, so nothing of {external.place} is copied"
        else:
            copy = partial(dumped_copy, docker, env, external)
            preparation.rehearsal = MigrationRehearsal(docker, env, release, _served(deployed, release), copy)
        preparation.warnings += deployed.notices
    elif params["gate"]:
        tool = backup_tool_of(params, docker, env)

        def up_to_date() -> Restorable:
            if not module.check_mode:
                tool.archive_now()
            return published_restorable(env, engine, tool, check_mode=module.check_mode)

        preparation.gate = MigrationGate(up_to_date, params["restorable_minutes"])
        copy = partial(restored_copy, docker, env, engine, tool)
        preparation.rehearsal = MigrationRehearsal(docker, env, release, _served(deployed, release), copy)
        preparation.warnings += deployed.notices
    database = ReachableDatabase.live(env, engine, has_replica=ReplicaWatch(docker, env, engine).is_running())
    migration: DbMigration | PlainMigration
    if SCHEMA in jobs:
        migration = DbMigration(MigrationJob(docker, env, release, database), preparation, deployed.contracts)
    else:
        migration = PlainMigration(
            MigrationJob(docker, env, release, database, wanted.action), preparation, partial(_is_empty, env, engine, external)
        )
    if module.check_mode or wanted.action == "status":
        return migration.ensure(wanted, module.check_mode)
    return OperationRecord(env, wanted.action, engine).of_quick(lambda: migration.ensure(wanted, check_mode=False))


def _served(deployed: DeployedReleases, release: Deployed) -> dict[str, Deployed]:
    """Those that have to work on what the migration leaves, by what a user knows them by."""
    others = {name: one for name, one in deployed.known.items() if one.images != release.images}
    return others | {release.release: release}


def _is_empty(env: Environment, engine: str, external: ExternalDatabase | None) -> bool:
    if external is not None:
        return not external_has_tables(env, external)
    return not has_tables(ServerConsole(engine_named(engine), env))


def _release(env: Environment, params: dict[str, Any]) -> Deployed:
    if params["definition"]:
        version = params["version"] or params["release"].rpartition("-")[0]
        return Deployed(Definition.of(params["definition"]), params["release"], version, params["images"])
    release = StoredDefinitions(env).of(params["colour"])
    if release is None:
        raise Refusal(f"nobody knows which migrations are meant: {params['colour']} has none", unknown_origin(params["colour"]))
    return release


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "action": {"type": "str", "choices": list(ACTIONS), "required": True},
            "colour": {"type": "str", "choices": ["blue", "green"]},
            "definition": {"type": "dict"},
            "images": {"type": "dict", "default": {}},
            "release": {"type": "str", "default": ""},
            "version": {"type": "str", "default": ""},
            "gate": {"type": "bool", "default": True},
            "restorable_minutes": {"type": "int", "default": 60},
            "override": {"type": "str", "default": ""},
            "patience": {"type": "int", "default": 300},
            **PROGRESS_ARGUMENTS,
        },
        required_one_of=[("colour", "definition")],
        mutually_exclusive=[("colour", "definition")],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
