"""A throw-away server on restored data: made like the environment's own one, with its keys, and reached by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import needed_container, our_volume, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.encrypted_folder import EncryptedFolder

if TYPE_CHECKING:
    from docker import DockerClient

_PATIENCE_SECONDS = 300.0
# A trial has these options of the server's container, too.
_KEPT_HOST_OPTIONS = ("ReadonlyRootfs", "Tmpfs", "CapDrop", "SecurityOpt", "Memory", "PidsLimit", "ShmSize")


@dataclass(frozen=True)
class TrialServer:
    env: Environment
    container: str
    console: ServerConsole
    # This is its address on the environment's durable network; it is empty where the trial is not on that.
    address: str = ""

    def log_in_as_application(self) -> None:
        self.console.log_in(self.env.database_user, _application_password(self.env))


@contextmanager
def trial_volume(docker: DockerClient, env: Environment, engine: str) -> Iterator[str]:
    """An empty volume for a restore, encrypted where the server's own is; it goes when the block ends."""
    name = f"{_trial_name(env, engine)}-data"
    encrypted = EncryptedFolder(env, env.server(engine).service)
    with trial_lock(env.name):
        remove_our_container(docker, env.name, _trial_name(env, engine))
        _remove_volume(docker, env, name, encrypted)
        live = our_volume(docker, env.name, env.server(engine).volume)
        options = {}
        if live is not None and encrypted.holds(live["Options"]):
            encrypted.make_folder(name)
            options = encrypted.driver_options(name)
        docker.volumes.create(name, driver="local", driver_opts=options, labels={ENVIRONMENT_LABEL: env.name})
        try:
            yield name
        finally:
            _remove_volume(docker, env, name, encrypted)


@contextmanager
def trial_server(
    docker: DockerClient,
    env: Environment,
    engine: str,
    volume: str,
    folder: str,
    *,
    on_network: bool = False,
    as_it_is: bool = False,
    image: str = "",
) -> Iterator[TrialServer]:
    """Serves from `folder` of `volume` until the block ends; then it is shut down cleanly and removed. The caller has the lock.

    With `as_it_is` it has its binary log and its own accounts, to be looked at. `image` replaces the one of the environment's server.
    """
    name = _trial_name(env, engine)
    remove_our_container(docker, env.name, name)
    model = server_container(docker, env, engine)
    names = env.server(engine)
    path = f"{names.data_mount}/{folder}"
    container = docker.api.create_container(
        image or model["Config"]["Image"],
        engine_named(engine).trial_command(model["Config"]["Cmd"], path, with_log=as_it_is),
        name=name,
        entrypoint="",
        user=model["Config"]["User"],
        environment=model["Config"]["Env"],
        labels={ENVIRONMENT_LABEL: env.name},
        stop_signal=model["Config"].get("StopSignal"),
        host_config=host_config_like(docker, model, names.data_mount, volume, env.durable_network.name if on_network else "none"),
    )["Id"]
    try:
        docker.api.start(container)
        console = ServerConsole(engine_named(engine), env, name)
        _await_answer(docker, console)
        # Restored data get the accounts and passwords of now.
        if not as_it_is:
            WriterFence(env, console).open()
        networks = docker.api.inspect_container(container)["NetworkSettings"]["Networks"]
        yield TrialServer(env, name, console, networks.get(env.durable_network.name, {}).get("IPAddress", ""))
        stop_server(docker, container)
    finally:
        docker.api.remove_container(container, force=True, v=True)


def server_container(docker: DockerClient, env: Environment, engine: str) -> dict[str, Any]:
    """The server's container as the Docker engine describes it, running or not."""
    return needed_container(docker, env.name, env.server(engine).container)


def run_beside(docker: DockerClient, env: Environment, engine: str, volume: str, *command: str) -> None:
    """Runs a command in a container that is made like the server's, with that volume; nobody reaches it."""
    name = _trial_name(env, engine)
    remove_our_container(docker, env.name, name)
    model = server_container(docker, env, engine)
    container = docker.api.create_container(
        model["Config"]["Image"],
        list(command),
        name=name,
        entrypoint="",
        user=model["Config"]["User"],
        environment=model["Config"]["Env"],
        labels={ENVIRONMENT_LABEL: env.name},
        host_config=host_config_like(docker, model, env.server(engine).data_mount, volume, "none"),
    )["Id"]
    try:
        docker.api.start(container)
        if docker.api.wait(container)["StatusCode"] != 0:
            log = docker.api.logs(container, tail=4).decode(errors="replace").splitlines()
            raise Refusal(
                f"{command[0]} on volume {volume} failed: {' | '.join(log)}",
                "what serves was not touched; check disk and memory (df -h, free -m), then run this again",
            )
    finally:
        docker.api.remove_container(container, force=True, v=True)


def _application_password(env: Environment) -> str:
    file = Path(env.path("secrets", "app", "db_password"))
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refusal(f"cannot read {file}: {error.strerror}", f"run {playbook('setup_durable')} first") from error


def host_config_like(docker: DockerClient, model: dict[str, Any], data_mount: str, volume: str, network: str) -> Any:
    """The options of the server's container, with another volume and without its backups and its addresses."""
    from docker.types import Mount  # noqa: PLC0415 - see docker_client

    mounts = [Mount(data_mount, volume, "volume")]
    # Backups are mounted in the server alone: a trial has no business there.
    mounts += [
        Mount(mount["Destination"], mount["Source"], "bind", read_only=True)
        for mount in model["Mounts"]
        if mount["Type"] == "bind" and mount["Destination"] != "/backups"
    ]
    config = docker.api.create_host_config(mounts=mounts, network_mode=network)
    kept = {option: value for option in _KEPT_HOST_OPTIONS if (value := model["HostConfig"].get(option)) is not None}
    return config | kept


def _await_answer(docker: DockerClient, console: ServerConsole) -> None:
    problem = f"does not answer after {_PATIENCE_SECONDS:.0f} s"
    for _look in looks(_PATIENCE_SECONDS):
        if console.is_answering():
            return
        if not docker.api.inspect_container(console.container)["State"]["Running"]:
            problem = "ended"
            break
    log = docker.api.logs(console.container, tail=4).decode(errors="replace").splitlines()
    raise Refusal(
        f"the trial server on the restored data {problem}; its last words: {' | '.join(log)}",
        f"what serves was not touched; restore to an earlier moment, or take a new backup first: {playbook('backup', backup_take='full')}",
    )


def _trial_name(env: Environment, engine: str) -> str:
    return f"{env.server(engine).container}-trial"


def _remove_volume(docker: DockerClient, env: Environment, name: str, encrypted: EncryptedFolder) -> None:
    found = our_volume(docker, env.name, name)
    if found is not None:
        if encrypted.holds(found["Options"]):
            encrypted.remove_folder(name)
        docker.api.remove_volume(name)
