#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module environment_status: everything about an environment on one screen."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_status
short_description: Show everything about an environment on one screen
description:
  - Tells which colour serves with which weights, versions, health, database, cache, edge and the last events of releases, and how old the
    distribution's packages are in the images in use.
  - While a run has the release lease it says which one and since when; what a run left half done it names, with what to type.
  - What is damaged and cannot be read is a line of the screen, with what to do about it; all the rest is shown.
  - Under maintenance, during a canary, after a switch that was cut off, and with a broken routing table it says so, and what to type.
options:
  with_hints:
    description: Add what to type next.
    type: bool
    default: false
  last:
    description: How many of the newest events of releases to show.
    type: int
    default: 5
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
attributes:
  check_mode:
    support: full
    description: It never changes anything. Outside of check mode, what it finds becomes metrics of the environment.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Look at everything
  echobase.platform.environment_status:
    environment: devlocal
  register: status_screen
"""

RETURN = r"""
lines:
  description: The screen.
  returned: success
  type: list
  elements: str
well:
  description:
    - Whether a ready colour serves through a ready edge, desk and sockets included, on a ready database that can be restored for certain
      and that its replica follows, where there is one, and with a cache that lets the application in, where there is one.
  returned: success
  type: bool
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.backups.published import published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import login_of_operator
from ansible_collections.echobase.platform.plugins.module_utils.database.login import AccessDeniedError, NotReadyError
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import application_login, backup_tool_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase, external_database
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import publish
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import refusal_of
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins
from ansible_collections.echobase.platform.plugins.module_utils.images.age import ages_of_images
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.status.cache import cache_state
from ansible_collections.echobase.platform.plugins.module_utils.status.edge import problems_of_edge_parts, recent_troubles
from ansible_collections.echobase.platform.plugins.module_utils.status.observability import observed_by
from ansible_collections.echobase.platform.plugins.module_utils.status.readings import Readings
from ansible_collections.echobase.platform.plugins.module_utils.status.screen import (
    TROUBLE_MINUTES,
    Backups,
    DatabaseState,
    StatusScreen,
    Work,
)
from ansible_collections.echobase.platform.plugins.module_utils.status.traffic import BluegreenInfo

if TYPE_CHECKING:
    from docker import DockerClient


def database_state(
    params: Mapping[str, Any], env: Environment, docker: DockerClient, readings: Readings, check_mode: bool
) -> DatabaseState:
    external = readings.of(partial(external_database, env), None)
    if external is not None:
        return _state_of_external(env, external)
    engine = params["engine"]
    change = readings.of(GenerationJournal(env).read, None)
    found = published_restorable(env, engine, backup_tool_of(params, docker, env), check_mode=check_mode)
    kept = Backups(found, change, datetime.now(UTC))
    watched = ReplicaWatch(docker, env, engine).look()
    replica = None if watched.server == "missing" else watched
    try:
        login = application_login(env, engine).attempt()
    except (AccessDeniedError, NotReadyError) as error:
        return DatabaseState(problem=str(error), engine=engine, backups=kept, replica=replica)
    return DatabaseState(login.version, login.tls_cipher, engine=engine, backups=kept, replica=replica)


def _state_of_external(env: Environment, external: ExternalDatabase) -> DatabaseState:
    """As the colours reach it, by the containers' way."""
    logins = ExternalLogins(env, external)
    try:
        login = logins.as_containers_do("app").attempt()
    except (AccessDeniedError, NotReadyError) as error:
        return DatabaseState(
            problem=refusal_of(external, logins.as_containers_do("app"), error).cause, engine=external.engine, external=external
        )
    return DatabaseState(login.version, login.tls_cipher, engine=external.engine, external=external)


def operate(module: AnsibleModule) -> Outcome:
    env = environment_of(module.params)
    traffic = BluegreenInfo(env).collect(tolerate_broken_table=True)
    history, problem = [], ""
    try:
        entries = Ledger(Path(env.path("ledger.jsonl"))).entries()
        history = ReleaseHistory(entries, traffic["live"]).last(module.params["last"])
    except Refusal as refusal:
        problem = str(refusal)
    docker = docker_client()
    parts = problems_of_edge_parts(docker, env)
    troubles = recent_troubles(Path(env.path("edge-log", "access.log")), datetime.now(UTC), timedelta(minutes=TROUBLE_MINUTES))
    readings = Readings()
    database = database_state(module.params, env, docker, readings, module.check_mode)
    work, ages = Work.on(env, datetime.now(UTC), readings), ages_of_images(docker, env)
    if not module.check_mode:
        publish(env, "packages.json", {"images": {age.name: age.packages.isoformat() for age in reversed(ages)}})
    operator, observed = login_of_operator(env), observed_by(docker, env)
    parts_of_screen = (env, traffic, database, history, problem, parts, troubles, work, ages, operator, readings.problems, observed)
    screen = StatusScreen(*parts_of_screen, cache_state(env))
    return Outcome(changed=False, facts={"lines": screen.lines(module.params["with_hints"]), "well": screen.is_well})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "with_hints": {"type": "bool", "default": False},
            "last": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
