"""Where the backup tools of our MariaDB image run: in the server's container, in the archiver's, or in a throw-away one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import (
    DATA_JOB_PROCESSES,
    LARGE_TEMPORARY,
    SMALL_TEMPORARY,
    in_memory,
)
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import needed_container, our_container, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import Ended, run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import FAILED_BACKUP_TOOL_REMEDY, OLDER_BACKUP_REMEDY
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE, DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.types import Mount

PROGRAM = ("python3", "-m", "backups")
USER = user_and_group(DATABASE)
REPOSITORY = "/backups"
_S3_AUTHORITY = "/run/s3-ca.crt"
# Only the server needs these mounts.
_OF_SERVER_ALONE = (REPOSITORY, "/docker-entrypoint-initdb.d")


@dataclass(frozen=True)
class MariadbTools:
    docker: DockerClient
    env: Environment
    target: BackupTarget

    @property
    def server_name(self) -> str:
        return self.env.server("mariadb").container

    def has_server(self) -> bool:
        return our_container(self.docker, self.env.name, self.server_name) is not None

    def server(self) -> dict[str, Any]:
        """The server's container as the Docker engine describes it, running or not."""
        return needed_container(self.docker, self.env.name, self.server_name)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the tools, none of which is secret."""
        target = self.target
        location = REPOSITORY
        if target.is_remote:
            location = f"s3:{target.endpoint or 'https://s3.amazonaws.com'}/{target.bucket}/{target.prefix}"
        return {
            "RESTIC_REPOSITORY": location,
            "RESTIC_PASSWORD_FILE": "/run/secrets/backup_key",
            **({"RESTIC_CACERT": _S3_AUTHORITY} if target.ca_file else {}),
            **({"AWS_DEFAULT_REGION": target.region} if target.is_remote else {}),
            "DB_HOST": self.server_name,
            "HOME": "/tmp",
        }

    @property
    def binds(self) -> dict[str, tuple[str, bool]]:
        """The mounts by their place in the container: what is mounted there, and whether it can be written."""
        files = {
            "/run/secrets": (self.env.path("secrets", "db"), False),
            AUTHORITY_FILE: (self.env.path("tls", "ca.crt"), False),
        }
        if self.target.ca_file:
            files[_S3_AUTHORITY] = (self.target.ca_file, False)
        if not self.target.is_remote:
            files[REPOSITORY] = (self.target.location, True)
        return files

    def throw_away(self, *command: str, name: str = "", volume: str = "", read_only: bool = True, live: bool = False) -> Any:
        """Runs one command in a container that goes with it; with `live` that reaches the server by the network.

        A container of that name, which a killed caller left, is removed first.
        """
        server = self.server()
        if name:
            remove_our_container(self.docker, self.env.name, name)
        container = self.docker.api.create_container(
            server["Config"]["Image"],
            [*PROGRAM, *command],
            name=name or None,
            entrypoint="",
            user=USER,
            environment=self.variables,
            labels={ENVIRONMENT_LABEL: self.env.name},
            host_config=self.docker.api.create_host_config(
                network_mode=self.env.durable_network.name if live or self.target.is_remote else "none",
                mounts=self._mounts(server, volume, read_only),
                read_only=True,
                tmpfs={
                    "/tmp": in_memory(LARGE_TEMPORARY),
                    "/run/mysqld": in_memory(SMALL_TEMPORARY, f"uid={DATABASE},gid={DATABASE},mode=0755"),
                },
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                mem_limit=server["HostConfig"]["Memory"] or None,
                pids_limit=DATA_JOB_PROCESSES,
            ),
        )["Id"]
        return _answer(run_to_end(self.docker, container))

    def inside(self, container: str, *command: str) -> Any:
        """Runs one command in a container that runs already."""
        from docker.errors import APIError  # noqa: PLC0415 - see docker_client

        api = self.docker.api
        try:
            run = api.exec_create(container, [*PROGRAM, *command])["Id"]
            output, complaint = api.exec_start(run, demux=True)
        except APIError as error:
            raise Refusal(f"{container} does not run: {error.explanation}", f"see docker logs {container}") from error
        status = int(api.exec_inspect(run)["ExitCode"])
        return _answer(Ended(status, *((part or b"").decode(errors="replace") for part in (output, complaint))))

    def _mounts(self, server: dict[str, Any], volume: str, read_only: bool) -> list[Mount]:
        from docker.types import Mount  # noqa: PLC0415 - see docker_client

        mounts = [Mount(place, source, "bind", read_only=not writable) for place, (source, writable) in self.binds.items()]
        mounts += [
            Mount(mount["Destination"], mount["Source"], "bind", read_only=True)
            for mount in server["Mounts"]
            if mount["Type"] == "bind" and mount["Destination"] not in self.binds and not mount["Destination"].startswith(_OF_SERVER_ALONE)
        ]
        if volume:
            mounts.append(Mount(self.env.server("mariadb").data_mount, volume, "volume", read_only=read_only))
        return mounts


def _answer(ended: Ended) -> Any:
    if ended.status != 0:
        lines = ended.complaint.strip().splitlines()
        reason = (
            lines[-1] if lines else f"it ended with status {ended.status}" + (", out of memory or killed" if ended.status == 137 else "")
        )
        raise Refusal(f"the backup tools failed: {reason}", _remedy(reason))
    return json.loads(ended.output.strip().rpartition("\n")[2])


def _remedy(reason: str) -> str:
    if "wrong password or no key" in reason:
        return "restore the environment's secrets.json from when the repository was made: without its key nobody can read it"
    if "no space left" in reason.lower():
        return "make room on that disk (df -h), then run this again"
    if "cannot give back" in reason:
        return (
            "that part of the repository is damaged: restore an older backup;"
            " docs/operate/backup-and-restore.md tells how to get a good one"
        )
    if "is of MariaDB" in reason:
        return OLDER_BACKUP_REMEDY
    return FAILED_BACKUP_TOOL_REMEDY
