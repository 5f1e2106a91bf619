"""Runs the command `docker compose` for one project and one of its files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


@dataclass(frozen=True)
class ComposeFile:
    project: str
    path: str

    def up(self, service: str, force_recreate: bool = False) -> None:
        self._run("up", "--detach", "--no-build", "--pull", "never", *(["--force-recreate"] if force_recreate else []), service)

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
            raise Refusal(f"docker compose {arguments[0]} of {self.path} failed: {reason}", f"see: {' '.join(command[:6])} config")
