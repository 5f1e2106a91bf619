#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db: the database that outlives every release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db
short_description: Keep the durable database of an environment
description:
  - A running database is reported, a stopped one started, a missing one made.
  - The application's login over verified TLS proves that it serves.
  - The data are in a volume that no release and no removal of the server touches. Only its exact name, typed in O(confirm), deletes it.
  - A container, network or volume of the same name that echobase did not make is never touched.
options:
  state:
    description:
      - V(present) means running and ready.
      - V(stopped) stops it cleanly and keeps it.
      - V(absent) removes the server and keeps the data, unless O(confirm) is given.
    type: str
    choices: [present, stopped, absent]
    default: present
  key_fingerprint:
    description:
      - The fingerprint of the environment's keys as M(echobase.platform.environment_secrets) returns it.
      - The volume carries the fingerprint of the keys it was made with, and a server is never started on it with others.
    type: str
    default: ""
  confirm:
    description:
      - The exact name of the volume, to delete the data with O(state=absent).
      - The copy of them that a replica has goes with them. The name of the replica's volume deletes that one alone.
      - The environment's keys go as well, unless data of the other engine or backups are still there, which nobody could read without them.
    type: str
    default: ""
  final_backup:
    description:
      - Dump everything, together with the keys, into the folder C(final-backups) of O(home) before data are deleted.
      - Without a verified dump nothing is deleted.
    type: bool
    default: true
  recreate:
    description:
      - What to do when the database was made from another configuration or image. In what it differs is shown in any case.
      - V(never) warns, and starts a stopped one as it was made.
      - V(when_safe) applies it when the server does not run anyway and warns otherwise, V(always) restarts a running one.
    type: str
    choices: [never, when_safe, always]
    default: when_safe
  beside:
    description: The exact name of another engine's volume, to begin an empty database beside it. Without it that is refused.
    type: str
    default: ""
  wait_timeout:
    description: Seconds to wait until the application can log in.
    type: int
    default: 120
  replica:
    description:
      - Whether a second server follows this one, in a container and with a volume of its own, over verified TLS.
      - A replica that does not follow is told in a warning, and left as it is. Nothing that is wrong with it harms the database.
      - Without it, the server of a former replica is removed, and its volume is kept until O(confirm) names it.
    type: bool
    default: false
  replica_rebuild:
    description: Throw the replica's data away, and copy them from the database anew, whatever they are. Never idempotent.
    type: bool
    default: false
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.database_server
attributes:
  check_mode:
    support: full
    description: Nothing is changed in check mode. What other roles make first, such as networks and keys, need not be there yet.
  diff_mode:
    support: full
    description: Shows server, volume, keys and configuration.
  idempotent:
    support: full
    description: A second run finds the database running and ready.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: The database of devlocal runs
  echobase.platform.durable_db:
    environment: devlocal
    image: "{{ images_result.tags.mariadb }}"
    key_fingerprint: "{{ secrets_result.key_fingerprint }}"

- name: One on PostgreSQL
  echobase.platform.durable_db:
    environment: ci
    engine: postgresql
    image: "{{ images_result.tags.postgres }}"
    key_fingerprint: "{{ secrets_result.key_fingerprint }}"
    settings:
      max_connections: 300

- name: With a replica
  echobase.platform.durable_db:
    environment: ci
    image: "{{ images_result.tags.mariadb }}"
    key_fingerprint: "{{ secrets_result.key_fingerprint }}"
    replica: true

- name: Remove the server and keep the data
  echobase.platform.durable_db:
    environment: devlocal
    state: absent

- name: Remove the data too, after a final backup
  echobase.platform.durable_db:
    environment: devlocal
    state: absent
    confirm: echobase-devlocal-durable-mariadb-data
"""

RETURN = r"""
engine:
  description: The engine.
  returned: success
  type: str
container:
  description: Name of the server's container.
  returned: success
  type: str
volume:
  description: Name of the volume with the data.
  returned: success
  type: str
port:
  description: Port on this machine's loopback address.
  returned: success
  type: int
address:
  description: Address on the environment's durable network.
  returned: success
  type: str
state_before:
  description: V(missing), V(stopped) or V(running).
  returned: success
  type: str
state_after:
  description: The same afterwards; in check mode as it would be.
  returned: success
  type: str
steps:
  description: What was done, or would be in check mode, in this order.
  returned: success
  type: list
  elements: str
drift:
  description: In what the server that was found differs from the wanted one; empty if it does not.
  returned: success
  type: list
  elements: str
  sample: ["my.cnf.max_connections: 200 -> 300"]
ready:
  description: Whether the application's login over verified TLS succeeded in this run.
  returned: success
  type: bool
version:
  description: Version of the server, if ready.
  returned: success
  type: str
tls_cipher:
  description: Cipher of that login, if ready.
  returned: success
  type: str
backup:
  description: Folder of the final backup, if one was taken.
  returned: success
  type: str
replica:
  description:
    - The replica's C(container), C(volume), C(port), C(address) and C(steps).
    - Where it is wished for, what M(echobase.platform.durable_db_info) tells of it, too.
  returned: where there is, was or will be one
  type: dict
keys_removed:
  description: Whether the environment's keys went with the data.
  returned: success
  type: bool
"""

from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_own
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.module.server_arguments import SERVER_ARGUMENTS, definition_of
from ansible_collections.echobase.platform.plugins.module_utils.replica.ensure import DurableReplica
from ansible_collections.echobase.platform.plugins.module_utils.replica.pair import ensure_pair
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    if params["state"] != "absent":
        refuse_own(env)
    if params["state"] == "present":
        GenerationJournal(env).refuse_under_way()
    docker = docker_client()
    definition = definition_of(params, env)
    database = DurableDb(DockerDatabase(docker, definition), FinalBackup(env), env.name, params["wait_timeout"])
    wanted = WantedDatabase(
        **{name: params[name] for name in ("state", "key_fingerprint", "confirm", "final_backup", "recreate", "beside")}
    )
    return ensure_pair(
        database,
        DurableReplica(docker, replace(definition, follows=True), params["wait_timeout"]),
        wanted,
        with_replica=params["replica"],
        rebuild=params["replica_rebuild"],
        check_mode=module.check_mode,
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            **SERVER_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "stopped", "absent"], "default": "present"},
            "key_fingerprint": {"type": "str", "default": "", "no_log": False},
            "confirm": {"type": "str", "default": ""},
            "final_backup": {"type": "bool", "default": True},
            "recreate": {"type": "str", "choices": ["never", "when_safe", "always"], "default": "when_safe"},
            "beside": {"type": "str", "default": ""},
            "wait_timeout": {"type": "int", "default": 120},
            "replica": {"type": "bool", "default": False},
            "replica_rebuild": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
