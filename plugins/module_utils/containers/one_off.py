"""A service of a Compose project that runs once and ends: its exit code, and what it said."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import QUIETLY, WITHOUT_ORPHANS
from ansible_collections.echobase.platform.plugins.module_utils.host.compose_command import compose

# What Compose says of its own work, not the program's.
_COMPOSE_SAYS = ("level=warning", " Container ", " Network ")


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    complaint: str

    @property
    def reason(self) -> str:
        """The last thing that it said, where it failed."""
        for said in (self.complaint, self.output):
            lines = [line.strip() for line in said.splitlines() if line.strip() and not any(word in line for word in _COMPOSE_SAYS)]
            if lines:
                return lines[-1]
        return f"exit code {self.code}"

    @property
    def told(self) -> dict[str, Any]:
        """The last line of what it gave, where that is a JSON object."""
        try:
            told = json.loads(self.output.strip().rpartition("\n")[2])
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}


@dataclass(frozen=True)
class OneOff:
    """`text` is the Compose project, which is told to Compose without a file, or empty where `file` has it."""

    project: str
    text: str = ""
    file: str = "-"
    # Nothing that a program says about itself lasts longer; None waits for as long as it takes.
    seconds: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def run(self, service: str, arguments: Sequence[str] = (), variables: Mapping[str, str] | None = None) -> Ended:
        name = f"{self.project}-{service}-once-{secrets.token_hex(3)}"
        options = [f"--env={key}={value}" for key, value in (variables or {}).items()]
        options += [f"--label={key}={value}" for key, value in self.labels.items()]
        command = ["run", "--rm", "--no-deps", "--no-TTY", "--interactive=false", "--name", name, *options, service, *arguments]
        try:
            return self._compose(*command)
        except subprocess.TimeoutExpired:
            subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)
            return Ended(-1, "", f"it did not end within {self.seconds:g} s")

    def up(self) -> Ended:
        """Starts all services and waits until each is healthy, or runs where it says nothing of its health."""
        wait = ["--wait", "--wait-timeout", f"{self.seconds:.0f}"] if self.seconds else ["--wait"]
        return self._compose("up", "--detach", "--no-build", "--pull", "never", *wait, patience=None)

    def down(self) -> Ended:
        """Removes all that there is of the project, data included."""
        return self._compose("down", "--volumes", "--remove-orphans", "--timeout", "1", patience=None)

    def logs(self, lines: int) -> list[str]:
        return self._compose("logs", "--no-color", "--tail", str(lines), patience=None).output.splitlines()

    def _compose(self, *arguments: str, patience: float | None = -1) -> Ended:
        # The folder is named, since one is looked for otherwise, and what an `.env` in it says would be part of the project.
        which = ("--project-directory", "/", "--project-name", self.project, "--file", self.file)
        seconds = self.seconds if patience == -1 else patience
        done = compose(*which, *QUIETLY, *arguments, variables=WITHOUT_ORPHANS, text=self.text, seconds=seconds)
        return Ended(done.returncode, done.stdout, done.stderr)
