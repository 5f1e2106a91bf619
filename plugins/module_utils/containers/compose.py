"""Runs the command `docker compose` for one project and one of its files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# This placeholder stands in a Compose file for the digest of what a container is made from.
PLACEHOLDER = "@configuration@"
_UP = ("up", "--detach", "--no-build", "--pull", "never")


class ComposeError(Refusal):
    """Compose failed. `words` is all that it said."""

    def __init__(self, cause: str, remedy: str, words: str, exit_code: int) -> None:
        super().__init__(cause, remedy)
        self.words = words
        self.exit_code = exit_code


@dataclass(frozen=True)
class ComposeFile:
    project: str
    path: str

    def up(self, service: str, force_recreate: bool = False) -> None:
        self._run(*_UP, *(["--force-recreate"] if force_recreate else []), service)

    def up_all(self) -> None:
        self._run(*_UP)

    def up_and_wait(self, seconds: int) -> None:
        """Starts all services and waits until each is healthy."""
        self._run(*_UP, "--wait", "--wait-timeout", str(seconds))

    def _run(self, *arguments: str) -> None:
        command = ["docker", "compose", "--project-name", self.project, "--file", self.path, "--ansi", "never", "--progress", "quiet"]
        # The durable project has further files (the edge's), whose containers are not orphans.
        environment = os.environ | {"COMPOSE_IGNORE_ORPHANS": "true"}
        try:
            done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise Refusal("there is no command docker on this machine", f"run {playbook('setup_durable')}, which installs it") from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip() and "level=warning" not in line]
            reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
            raise ComposeError(
                f"docker compose {arguments[0]} of {self.path} failed: {reason}",
                f"see: {' '.join(command[:6])} config",
                done.stderr,
                done.returncode,
            )
