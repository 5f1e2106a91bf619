#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module durable_db_info: what the durable database of an environment is and does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: durable_db_info
short_description: Tell everything about the durable database of an environment
description:
  - Whether it runs and serves, since when, for how many, from which generation of its data, and in what it differs from the wanted one.
  - With the options that M(echobase.platform.durable_db) is given, C(drift) is what that module would tell.
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.backups
  - echobase.platform.database_server
attributes:
  check_mode:
    support: full
    description: It never changes anything.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Look at the database of devlocal
  echobase.platform.durable_db_info:
    environment: devlocal
  register: database

- name: Say how many connections are left
  ansible.builtin.debug:
    msg: "{{ database.connections_limit - database.connections }}"
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
state:
  description: V(missing), V(stopped) or V(running).
  returned: success
  type: str
ready:
  description: Whether the application can log in over verified TLS.
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
certificate_outdated:
  description: Whether it shows another certificate than the one on disk.
  returned: success
  type: bool
role:
  description: V(primary) or V(replica); empty if it does not run.
  returned: success
  type: str
encryption:
  description:
    - V(complete), V(off), or how many tablespaces are encrypted while that is under way.
    - V(unknown) if the server has to tell and does not run.
  returned: success
  type: str
  sample: 3 of 12 tablespaces
uptime_seconds:
  description: For how long the server has been up.
  returned: success
  type: int
connections:
  description: How many there are.
  returned: success
  type: int
connections_limit:
  description: How many there may be.
  returned: success
  type: int
data_bytes:
  description: What the application's tables and indexes take.
  returned: success
  type: int
generation:
  description: The generation of the data that is served, or would be after a start; empty where there are none, or their volume is locked.
  returned: success
  type: str
  sample: "000001"
generations:
  description: All whole generations in the volume; those that are not served are kept from before a restore or an upgrade.
  returned: success
  type: list
  elements: str
drift:
  description: In what the server differs from the wanted one; empty if it does not.
  returned: success
  type: list
  elements: str
replica:
  description: The server that follows this one; empty where there is none.
  returned: success
  type: dict
  contains:
    container:
      description: Name of its container.
      type: str
    server:
      description: V(stopped) or V(running).
      type: str
    follows:
      description: Whether it gets the log and applies it.
      type: bool
    problem:
      description: What is wrong with it, in a user's words; empty when nothing is.
      type: str
    lag_seconds:
      description: It lacks nothing that is older than so many seconds. Empty where nobody can tell.
      type: int
    lag_transactions:
      description: How many transactions it is behind, with MariaDB.
      type: int
    lag_bytes:
      description: How many bytes of log it is behind, with PostgreSQL.
      type: int
other_volumes:
  description: Volumes of this environment's databases of other engines.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import refuse_external
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.module.server_arguments import SERVER_ARGUMENTS, definition_of
from ansible_collections.echobase.platform.plugins.module_utils.status.durable_db_info import DurableDbInfo


def operate(module: AnsibleModule) -> Outcome:
    env = environment_of(module.params)
    refuse_external(env, "a look into the server")
    definition = definition_of(module.params, env)
    return Outcome(changed=False, facts=DurableDbInfo(docker_client(), definition).collect())


def main() -> None:
    module = AnsibleModule(argument_spec={**ENVIRONMENT_ARGUMENTS, **SERVER_ARGUMENTS}, supports_check_mode=True)
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
