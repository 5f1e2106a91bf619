"""A copy of a database that somebody else runs, for a rehearsal: dumped as the migrations' account sees it, into a server of our own.

That server is made for the rehearsal alone, with the environment's own accounts and certificate, and goes with its data when it is over.
What the live one has beyond the database itself, such as its settings, the copy has not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import MIB, byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import OneOff
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.database.client import DumpedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.login import StatementError
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import VARIABLE, ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, DATABASE_AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import reached
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restored_copy import rehearsal_network

if TYPE_CHECKING:
    from docker import DockerClient

_READY_SECONDS = 300.0
_PASSWORD_FILE = "/run/secrets/db_password"
_REMEDY = f"or say {VARIABLE}.rehearsal: false, and migrations go on without a rehearsal"


@contextmanager
def dumped_copy(docker: DockerClient, env: Environment, external: ExternalDatabase) -> Iterator[ReachableDatabase]:
    _refuse_large(env, external)
    with trial_lock(env.name), rehearsal_network(docker, env) as network, _Server(env, external, network).running() as console:
        # What a killed run left of it.
        remove_our_container(docker, env.name, _dump_name(env))
        _copy(env, external, console)
        server = env.server(external.engine)
        yield ReachableDatabase(external.engine, server.container, server.container_port, network)


@dataclass(frozen=True)
class _Server:
    env: Environment
    external: ExternalDatabase
    network: str

    @property
    def container(self) -> str:
        return f"echobase-{self.env.name}-rehearsal-database"

    @contextmanager
    def running(self) -> Iterator[ServerConsole]:
        engine = engine_named(self.external.engine)
        definition = engine.definition(
            env=self.env,
            image=self.external.rehearsal_image,
            memory="1g",
            encrypted=engine.encryption is not None,
            extra_settings=engine.settings_of_copy,
        )
        folder = Path(self.env.path(definition.names.service))
        project = OneOff(self.container, self._compose(definition), seconds=_READY_SECONDS)
        # What a killed run left of it.
        project.down()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            for name, content in definition.files.items():
                write_durably(folder / name, content, mode=0o644)
            started = project.up()
            if started.code != 0:
                said = " | ".join(project.logs(4)[-4:])
                raise Refusal(
                    f"the server for a rehearsal does not start: {started.reason}; its last words: {said}",
                    f"see to memory and disk of this host (free -m, df -h), {_REMEDY}",
                )
            yield ServerConsole(engine, self.env, self.container)
        finally:
            project.down()
            shutil.rmtree(folder, ignore_errors=True)

    def _compose(self, definition: ServerDefinition) -> str:
        """The service as the environment would have it for itself, on the rehearsal's network alone and with a volume of its own."""
        service: dict[str, Any] = dict(definition.compose["services"][definition.names.service])
        del service["ports"]
        mounts = [mount for mount in service["volumes"] if mount["target"] != "/backups"]
        labels = {ENVIRONMENT_LABEL: self.env.name}
        service |= {
            "container_name": self.container,
            "restart": "no",
            "pull_policy": "never",
            "labels": labels,
            # The image brings the sign that the volume is new.
            "volumes": [{"type": "volume", "source": "data", "target": m["target"]} if m["type"] == "volume" else m for m in mounts],
            # On this network the name in the environment's own certificate means the copy.
            "networks": {"there": {"aliases": [definition.names.container]}},
        }
        return json.dumps(
            {
                "services": {"database": service},
                "networks": {"there": {"name": self.network, "external": True}},
                "volumes": {"data": {"labels": labels}},
            }
        )


def _refuse_large(env: Environment, external: ExternalDatabase) -> None:
    logins = ExternalLogins(env, external)
    with reached(external, logins.as_containers_do("migrate")) as session:
        try:
            [[*_others, size]] = session.query(logins.engine.statements.activity.format(database=external.name))
        except StatementError as error:
            raise Refusal(f"{external.place} does not tell how large its database is: {error}", f"have that granted, {_REMEDY}") from error
    if int(float(size)) > byte_size(external.rehearsal_max_size, f"{VARIABLE}.rehearsal_max_size"):
        raise Refusal(
            f"database {external.name} at {external.place} has {int(float(size)) // MIB} MiB, and a copy for a rehearsal may have"
            f" {external.rehearsal_max_size}",
            f"raise {VARIABLE}.rehearsal_max_size, {_REMEDY}",
        )


def _copy(env: Environment, external: ExternalDatabase, console: ServerConsole) -> None:
    """Nothing of the dump is on a disk. Both ends have to succeed: a dump that was cut off must not pass for the whole."""
    client = console.engine.client
    there = DumpedDatabase(external.host, external.port, external.migrate_user, external.name, DATABASE_AUTHORITY_FILE, _PASSWORD_FILE)
    with tempfile.TemporaryFile("w+") as complaints:
        dump = subprocess.Popen(
            _beside(env, external, client.dump_from(there)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        )
        loading = client.as_root(*client.load_as(MIGRATE_USER, env.database))
        loaded = subprocess.run(
            ["docker", "exec", "--interactive", console.container, *loading],
            stdin=cast(IO[bytes], dump.stdout),
            capture_output=True,
            text=True,
            check=False,
        )
        cast(IO[bytes], dump.stdout).close()
        code = dump.wait()
        complaints.seek(0)
        said = _last_line(complaints.read())
    if loaded.returncode != 0 and (code == 0 or "roken pipe" in said or not said):
        raise Refusal(
            f"the copy of {external.place} for a rehearsal cannot be loaded: {_last_line(loaded.stderr)}",
            f"have removed what a dump of that database should not have, {_REMEDY}",
        )
    if code != 0:
        raise Refusal(
            f"{external.place} cannot be copied for a rehearsal: {said}", f"have it granted to {external.migrate_user}, {_REMEDY}"
        )


def _beside(env: Environment, external: ExternalDatabase, command: Sequence[str]) -> list[str]:
    """The command in a container of its own, on the way that colours have."""
    mounts: Mapping[str, str] = {
        external.authority: DATABASE_AUTHORITY_FILE,
        env.path("secrets", "migrate", "db_password"): _PASSWORD_FILE,
    }
    return [
        *("docker", "run", "--rm", "--pull=never", f"--name={_dump_name(env)}", f"--network={env.durable_network.name}"),
        *(f"--label={ENVIRONMENT_LABEL}={env.name}", f"--add-host={external.host}:{env.server(external.engine).address}"),
        # The password is for whoever is in this group.
        *("--user=999:999", f"--group-add={APPLICATION}", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--log-driver=none"),
        *("--security-opt=no-new-privileges:true", "--entrypoint="),
        *(f"--mount=type=bind,source={source},target={target},readonly" for source, target in mounts.items()),
        external.rehearsal_image,
        *command,
    ]


def _dump_name(env: Environment) -> str:
    return f"echobase-{env.name}-rehearsal-dump"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "rror" in line or "ERROR" in line), lines[-1] if lines else "no reason given")
