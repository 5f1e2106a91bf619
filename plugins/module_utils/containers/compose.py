"""Runs the command `docker compose` for one project and one of its files."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.compose_command import compose, last_words

# This placeholder stands in a Compose file for the digest of what a container is made from.
PLACEHOLDER = "@configuration@"
QUIETLY = ("--ansi", "never", "--progress", "quiet")
# The durable project has further files (the edge's), whose containers are not orphans.
WITHOUT_ORPHANS = {"COMPOSE_IGNORE_ORPHANS": "true"}
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
        which = ("--project-name", self.project, "--file", self.path)
        done = compose(*which, *QUIETLY, *arguments, variables=WITHOUT_ORPHANS)
        if done.returncode != 0:
            raise ComposeError(
                f"docker compose {arguments[0]} of {self.path} failed: {last_words(done.stderr, done.returncode)}",
                f"see: docker compose {' '.join(which)} config",
                done.stderr,
                done.returncode,
            )
