"""A refusal while a replica follows its primary: it would not survive what is about to be done to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


def refuse_running_replica(docker: DockerClient, env: Environment, engine: str, why: str) -> None:
    """`why` completes "it runs, and …"."""
    replica = env.replica(engine).container
    found = our_container(docker, env.name, replica)
    if found is not None and found["State"]["Running"]:
        raise Refusal(
            f"{replica} runs, and {why}",
            f"first run {playbook('setup_durable', durable_db_replica='false')}, which takes it away; when all is done,"
            f" {playbook('setup_durable', durable_db_replica_rebuild='true')} makes it anew",
        )
