#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_key: another key for data that exist."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_key
short_description: Gives the data of a durable database, or their backups, another key
description:
  - The data of MariaDB are copied into a generation of their own under the new key, which takes the place of the old one. Nobody writes
    meanwhile. The generation before stays, with its key, until M(echobase.platform.durable_db_restore) with O(ignore:state=confirmed).
  - The encrypted volume of PostgreSQL is copied beside itself, most of it while the database serves; then the database stops for a while.
  - The repository of MariaDB's backups takes another password while it is in use. That of PostgreSQL's is put aside, readable with its old
    key alone, and a new one is begun; the database stops for a moment.
  - The administrator's password changes while the database serves. Data of before, as in a backup, get the present one when a server starts
    on them.
  - When it was cut off the same call goes on.
options:
  name:
    description:
      - Which key, by its name in C(secrets.json).
      - V(db_encryption_key) is of MariaDB's data, V(db_volume_key) of PostgreSQL's volume, V(db_backup_key) of MariaDB's backups.
      - V(db_root_password) is no key, but the password of the database's administrator, which all data have, too.
    type: str
    choices: [db_backup_key, db_encryption_key, db_volume_key, db_root_password]
    required: true
  vault_password:
    description: The password that C(secrets.json) is encrypted with, where it is.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Refuses what it would refuse, and changes nothing.
  diff_mode:
    support: none
    description: A key is no thing to be shown.
  idempotent:
    support: none
    description: Each run gives another key.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Another key for the data of devlocal's MariaDB
  echobase.platform.durable_db_key:
    environment: devlocal
    name: db_encryption_key
"""

RETURN = r"""
generation:
  description: The generation that serves now.
  returned: when O(name=db_encryption_key)
  type: str
  sample: "000002"
previous:
  description: The generation that served before, and is still there under its old key.
  returned: when O(name=db_encryption_key)
  type: str
  sample: "000001"
removed:
  description: How many passwords no longer open the repository.
  returned: when O(name=db_backup_key)
  type: int
  sample: 1
put_aside:
  description: Where the repository is that was read with the key of before; empty where it is the same one.
  returned: when O(name=db_backup_key)
  type: str
  sample: /var/lib/echobase/devlocal/backups/postgresql-until-20260301-123105
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import vault_password
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import ENCRYPTION_KEY, VOLUME_KEY
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool_of, engines
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS, target_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.rotation.data_key import DataKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.kinds import DATA_KEYS, ROOT_PASSWORD
from ansible_collections.echobase.platform.plugins.module_utils.rotation.repository_key import RepositoryKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.root_password import RootPasswordRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.volume_key import VolumeKeyRotation


def _refuse_key_of_another_engine(name: str, engine: str) -> None:
    others = [other.name for other in engines() if other.data_key == name]
    if others and engine not in others:
        raise Refusal(
            f"{name} is a key of {' and '.join(others)}, and the engine is {engine}",
            "docs/operate/keys-and-passwords.md lists the keys of each engine",
        )


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    name, engine = params["name"], params["engine"]
    _refuse_key_of_another_engine(name, engine)
    env = environment_of(params)
    refuse_external(env, "another key or password of the database")
    docker = docker_client(timeout=900)
    secrets = EnvironmentSecrets(env, vault_password(params["vault_password"]), data=lambda: ())
    progress = Progress(params["progress"])
    if name == ENCRYPTION_KEY:
        return DataKeyRotation(docker, env, engine, backup_tool_of(params, docker, env), secrets, progress).run(module.check_mode)
    if name == ROOT_PASSWORD:
        return RootPasswordRotation(docker, env, engine, secrets).run(module.check_mode)
    if name == VOLUME_KEY:
        return VolumeKeyRotation(docker, env, engine, secrets, progress).run(module.check_mode)
    return RepositoryKeyRotation(docker, env, engine, target_of(params, env), secrets, progress).run(module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **BACKUP_ARGUMENTS,
            "name": {"type": "str", "choices": [*DATA_KEYS, ROOT_PASSWORD], "required": True},
            "vault_password": {"type": "str", "default": "", "no_log": True},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
