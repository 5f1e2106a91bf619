"""Everything about the durable database of an environment, as facts; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume
from ansible_collections.echobase.platform.plugins.module_utils.storage.volume import DatabaseVolume

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class DurableDbInfo:
    docker: DockerClient
    definition: ServerDefinition

    def collect(self) -> dict[str, Any]:
        backend = DockerDatabase(self.docker, self.definition)
        observed = backend.observe(present=True)
        return {
            "container": backend.server_name,
            "volume": backend.data_name,
            **backend.endpoint,
            "state": observed.server.value,
            "ready": observed.login is not None,
            "version": observed.login.version if observed.login else "",
            "tls_cipher": observed.login.tls_cipher if observed.login else "",
            "certificate_outdated": observed.certificate_outdated,
            "drift": list(observed.drift),
            "other_volumes": list(observed.others),
            "replica": self._of_replica(),
            **self._of_data(backend, observed),
            **self._of_server(observed),
        }

    def _of_replica(self) -> Mapping[str, Any]:
        env, engine = self.definition.env, self.definition.engine
        state = ReplicaWatch(self.docker, env, engine).look()
        return {} if state.server == "missing" else {"container": env.replica(engine).container, **state.facts}

    def _of_data(self, backend: DockerDatabase, observed: Observed) -> Mapping[str, Any]:
        image = backend.image
        if observed.data_fingerprint is None or observed.data_closed or not image:
            return {"generation": "", "generations": []}
        volume = DataVolume(self.docker, self.definition.env.name, backend.data_name, image)
        generations = volume.generations()
        return {"generation": generations.current, "generations": list(generations.kept)}

    def _of_server(self, observed: Observed) -> Mapping[str, Any]:
        numbers = {"uptime_seconds": 0, "connections": 0, "connections_limit": 0, "data_bytes": 0}
        if observed.server is not Server.RUNNING:
            return {"role": "", **numbers, "encryption": self._encryption(())}
        engine = engine_named(self.definition.engine)
        question = engine.statements.activity.format(database=self.definition.env.database)
        try:
            console = ServerConsole(engine, self.definition.env)
            [[uptime, connections, limit, is_replica, size]] = console.query(question)
            progress = [int(number) for number in console.query(engine.encryption.progress)[0]] if engine.encryption else ()
        except Refusal:
            # It is coming up, or hangs: `ready` says that it does not serve.
            return {"role": "", **numbers, "encryption": self._encryption(())}
        numbers = dict(zip(numbers, map(int, (uptime, connections, limit, size)), strict=True))
        return {"role": "replica" if is_replica == "t" else "primary", **numbers, "encryption": self._encryption(progress)}

    def _encryption(self, progress: Sequence[int]) -> str:
        """`progress` is how many tablespaces are encrypted, of how many, where the server does that by itself and tells."""
        if engine_named(self.definition.engine).encryption is None:
            return "complete" if DatabaseVolume(self.docker, self.definition).is_encrypted() else "off"
        if not progress:
            return "unknown"
        done, all_of_them = progress
        if done in (0, all_of_them):
            return "complete" if done else "off"
        return f"{done} of {all_of_them} tablespaces"
