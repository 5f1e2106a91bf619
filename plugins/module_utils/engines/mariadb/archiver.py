"""The container that brings a durable MariaDB's binary log into the repository as it is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import (
    CONFIGURATION_LABEL,
    ENVIRONMENT_LABEL,
    LOGGING,
)
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import DATA_JOB_PROCESSES, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import SECRETS_FOLDER, read_only
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.tools import PROGRAM, USER, MariadbTools

SERVICE = "mariadb-archiver"
# It holds some tens of megabytes of log in memory, and restic takes more as the repository grows.
_MEMORY = "512m"
_TEMPORARY = "256m"


@dataclass(frozen=True)
class MariadbArchiver:
    tools: MariadbTools
    seconds: int

    @property
    def name(self) -> str:
        return f"{self.tools.server_name}-archiver"

    def ensure(self) -> bool:
        """Makes or starts the archiver where that is needed, and tells whether it was."""
        if self.is_as_wanted():
            return False
        if not Path(self._secrets).is_dir():
            raise Refusal(f"{self._secrets}, which {self.name} reads its secrets from, is missing", f"{playbook('setup_durable')} makes it")
        wanted = self._service
        import yaml  # noqa: PLC0415 - comes with Ansible

        env = self.tools.env
        service = {**wanted, "labels": {ENVIRONMENT_LABEL: env.name, CONFIGURATION_LABEL: self._digest(wanted)}}
        content = {"services": {SERVICE: service}, "networks": {"durable": {"name": env.durable_network.name, "external": True}}}
        file = Path(env.path("compose", f"durable-{SERVICE}.yml"))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, yaml.safe_dump(content, sort_keys=False, explicit_start=True), mode=0o644)
        ComposeFile(env.durable_project, str(file)).up(SERVICE)
        return True

    def is_as_wanted(self) -> bool:
        found = self._container()
        return bool(
            found and found["State"]["Running"] and found["Config"]["Labels"].get(CONFIGURATION_LABEL) == self._digest(self._service)
        )

    def remove(self) -> None:
        remove_our_container(self.tools.docker, self.tools.env.name, self.name)

    def ask(self, verb: str, **details: Any) -> dict[str, Any]:
        if self.trouble_running():
            raise Refusal(self.trouble_running(), f"{playbook('setup_durable')} starts it")
        answer: dict[str, Any] = self.tools.inside(self.name, "ask", json.dumps({"verb": verb, **details}))
        return answer

    def trouble_running(self) -> str:
        """Why nothing is archived, in a user's words; empty while it runs."""
        found = self._container()
        if found is None:
            return f"there is no container {self.name}, so nothing that is written is archived"
        return "" if found["State"]["Running"] else f"{self.name} does not run, so nothing that is written is archived"

    def trouble(self) -> str:
        if self.trouble_running():
            return self.trouble_running()
        try:
            self.ask("state")
        except Refusal as refusal:
            return f"{self.name} cannot archive: {refusal.cause}"
        return ""

    def _container(self) -> dict[str, Any] | None:
        return our_container(self.tools.docker, self.tools.env.name, self.name)

    @property
    def _secrets(self) -> str:
        """The folder is mounted and not its files, since a secret that gets another value is another file."""
        return self.tools.env.path("secrets", "archiver")

    @cached_property
    def _service(self) -> dict[str, Any]:
        tools = self.tools
        # It gets neither the keys of the data nor the administrator's password.
        binds = tools.binds | {SECRETS_FOLDER: (self._secrets, False)}
        return {
            "image": tools.server()["Config"]["Image"],
            "container_name": self.name,
            "entrypoint": [*PROGRAM, "archiver"],
            "user": USER,
            "read_only": True,
            "tmpfs": [f"/tmp:{in_memory(_TEMPORARY)}"],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "restart": "unless-stopped",
            # It archives once more before it ends.
            "stop_grace_period": "60s",
            "mem_limit": _MEMORY,
            "pids_limit": DATA_JOB_PROCESSES,
            "logging": LOGGING,
            "environment": {**tools.variables, "ARCHIVE_SECONDS": str(self.seconds)},
            "volumes": [
                read_only(source, place) | ({"read_only": False} if writable else {}) for place, (source, writable) in binds.items()
            ],
            "networks": ["durable"],
            "healthcheck": {
                "test": ["CMD", *PROGRAM, "ask", '{"verb": "state"}'],
                "interval": "15s",
                "timeout": "10s",
                "retries": 4,
                "start_period": "60s",
            },
        }

    def _digest(self, service: dict[str, Any]) -> str:
        return hashlib.sha256(json.dumps(service, sort_keys=True).encode()).hexdigest()[:16]
