#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module external_database: an environment on a database server that somebody else runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_database
short_description: Have an environment use a database server that somebody else runs
description:
  - Looks whether the server is there, proves who it is, is of a version that we work with, writes, and has an encoding for every character;
    whether both accounts get in, and whether the application's may not do more than it should.
  - Writes down where the server is, for whoever deploys, migrates and looks, and makes the one way that containers have to it. It passes
    bytes on; TLS is between each program and the server.
  - On the server it makes one table and takes it away again, when something about it is new. Nothing else of it is touched, ever.
options:
  state:
    description:
      - V(looked_at) changes nothing, on this host or on the server.
      - V(absent) removes the way and forgets the server, and leaves all that is on it.
    type: str
    choices: [present, looked_at, absent]
    default: present
  engine:
    description: The engine of the server.
    type: str
    choices: [mariadb, postgresql]
    default: mariadb
  external:
    description:
      - What the inventory says in C(echobase_external_database). C(host) is the name in the server's certificate, C(address) where it
        leads if it is not to be looked up, C(port) the engine's own if left out, C(name) the database's.
      - C(users.app.name) and C(users.migrate.name) are the accounts of the application and of the migrations; passwords are options of
        their own. C(restore_points) is a command on this host that prints the newest moment its owner could restore to.
      - C(rehearsal), true if left out, and C(rehearsal_max_size), C(1g) if left out, say whether migrations are tried on a copy, and how
        large the database may be for that.
    type: dict
    default: {}
  authority:
    description: The certificates, in PEM, of the authority that vouches for the server.
    type: str
    default: ""
  app_password:
    description: The password of the application's account.
    type: str
    default: ""
  migrate_password:
    description: The password of the account that changes the schema.
    type: str
    default: ""
  own_settings:
    description: Variables of the inventory about a database of one's own, by their names. What is set of them is refused.
    type: dict
    default: {}
  image:
    description: The image of nginx, for the way. V(present) needs it.
    type: str
    default: ""
  rehearsal_image:
    description:
      - The image of the engine, for copies that migrations are rehearsed on. Without it nothing is rehearsed.
      - RV(image_major) tells which one fits the server best.
    type: str
    default: ""
  beside:
    description: The exact name of a volume with a database of this environment's own, to leave it and begin with the external one.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: The server is looked at, and no table is made on it.
  diff_mode:
    support: full
    description: Shows what is written down about the server, which has no password in it.
  idempotent:
    support: full
    description: A second run finds the server as it was.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have staging use the company's PostgreSQL
  echobase.platform.external_database:
    environment: staging
    engine: postgresql
    external:
      host: db.example.com
      name: shop
      users: {app: {name: shop_app}, migrate: {name: shop_migrate}}
    authority: "{{ lookup('ansible.builtin.file', 'db-authority.crt') }}"
    app_password: "{{ vaulted_app_password }}"
    migrate_password: "{{ vaulted_migrate_password }}"
    image: "{{ images_result.tags.nginx }}"
"""

RETURN = r"""
engine:
  description: The engine.
  returned: unless O(state=absent)
  type: str
host:
  description: The server's name.
  returned: unless O(state=absent)
  type: str
port:
  description: Its port.
  returned: unless O(state=absent)
  type: int
version:
  description: Its version.
  returned: unless O(state=absent)
  type: str
tls_cipher:
  description: The cipher of the login from this host.
  returned: unless O(state=absent)
  type: str
image_major:
  description: Of the majors that we have images of, the server's own or the next newer one, for rehearsals.
  returned: unless O(state=absent)
  type: str
container:
  description: The container that is the way to it.
  returned: when O(state=present)
  type: str
steps:
  description: What was done, or would be in check mode.
  returned: unless O(state=looked_at)
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import DEFAULT_ENGINE, ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import (
    ACCOUNTS,
    EXTERNAL,
    external_problems,
    refuse_problems,
)
from ansible_collections.echobase.platform.plugins.module_utils.external.ensure import ExternalDb, WantedExternal
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def wanted_of(params: Mapping[str, Any]) -> WantedExternal:
    external = dict(params["external"])
    users = {account: dict((external.get("users") or {}).get(account) or {}) for account in ACCOUNTS}
    passwords = {account: params[f"{account}_password"] or "" for account in ACCOUNTS}
    # The words are judged as the inventory has them; what it gives by files has come as options.
    words = external | {
        "ca": params["authority"],
        "users": {account: users[account] | {"password": passwords[account]} for account in ACCOUNTS},
    }
    refuse_problems(external_problems(EXTERNAL, words, params["engine"], params["own_settings"]))
    database = ExternalDatabase(
        engine=params["engine"],
        host=external["host"],
        port=int(external.get("port") or ENGINES[params["engine"]].container_port),
        name=external["name"],
        app_user=users["app"]["name"],
        migrate_user=users["migrate"]["name"],
        authority="",
        address=external.get("address") or "",
        restore_points=external.get("restore_points") or "",
        rehearsal_image=params["rehearsal_image"] if external.get("rehearsal", True) else "",
        rehearsal_max_size=str(external.get("rehearsal_max_size") or "1g"),
    )
    return WantedExternal(database, params["authority"].strip() + "\n", passwords, params["image"], params["beside"])


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    database = ExternalDb(docker_client(), environment_of(params))
    if params["state"] == "absent":
        return database.absent(module.check_mode)
    wanted = wanted_of(params)
    return database.look(wanted) if params["state"] == "looked_at" else database.ensure(wanted, module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "looked_at", "absent"], "default": "present"},
            "engine": {"type": "str", "choices": list(ENGINES), "default": DEFAULT_ENGINE},
            "external": {"type": "dict", "default": {}},
            "authority": {"type": "str", "default": ""},
            "app_password": {"type": "str", "default": "", "no_log": True},
            "migrate_password": {"type": "str", "default": "", "no_log": True},
            "own_settings": {"type": "dict", "default": {}},
            "image": {"type": "str", "default": ""},
            "rehearsal_image": {"type": "str", "default": ""},
            "beside": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
