"""A copy of the live database for a rehearsal: restored from the newest backup that is proved, and reached under the live one's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL, found_or_none, refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION

if TYPE_CHECKING:
    from docker import DockerClient


@contextmanager
def restored_copy(docker: DockerClient, env: Environment, engine: str, tool: BackupTool) -> Iterator[ReachableDatabase]:
    proofs = BackupRecord(env, engine).read().proofs
    proved = [backup for backup in tool.backups() if backup.name in proofs]
    if not proved:
        raise Refusal("there is no proved backup to rehearse on", f"run {playbook('backup')} first")
    with trial_volume(docker, env, engine) as volume:
        tool.restore(proved[-1], Point(), volume, FIRST_GENERATION)
        with (
            trial_server(docker, env, engine, volume, FIRST_GENERATION, on_network=True) as trial,
            rehearsal_network(docker, env) as network,
        ):
            server = env.server(engine)
            # On this network alone the live database's name, which is in the certificate, means the copy.
            docker.networks.get(network).connect(trial.container, aliases=[server.container])
            yield ReachableDatabase(engine, server.container, server.container_port, network)


@contextmanager
def rehearsal_network(docker: DockerClient, env: Environment) -> Iterator[str]:
    """The network of rehearsals. Nothing that serves customers is on it, so a release in a rehearsal reaches nothing but the copy."""
    name = f"echobase-{env.name}-rehearsal-network"
    _remove_network(docker, env, name)
    docker.networks.create(name, labels={ENVIRONMENT_LABEL: env.name})
    try:
        yield name
    finally:
        _remove_network(docker, env, name)


def _remove_network(docker: DockerClient, env: Environment, name: str) -> None:
    """Removes the network with whatever a rehearsal that was killed left on it."""
    found = found_or_none(lambda: docker.networks.get(name))
    if found is None:
        return
    refuse_foreign("network", name, found.attrs["Labels"], env.name)
    for container in found.containers:
        if container.labels.get(ENVIRONMENT_LABEL) == env.name and "-rehearsal-" in container.name:
            container.remove(force=True, v=True)
        else:
            found.disconnect(container, force=True)
    found.remove()
