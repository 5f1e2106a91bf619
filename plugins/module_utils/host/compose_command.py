"""The command `docker compose`: run to its end, whatever comes of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def compose(
    *arguments: str, variables: Mapping[str, str] | None = None, text: str = "", seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """`text` is what it reads. An end that does not come within these seconds is a TimeoutExpired."""
    try:
        return subprocess.run(
            ["docker", "compose", *arguments],
            input=text,
            env=os.environ | dict(variables or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise Refusal("there is no command docker on this machine", f"run {playbook('setup_durable')}, which installs it") from error


def last_words(complaint: str, code: int) -> str:
    """The last thing that Compose complained of; its warnings explain no failure."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip() and "level=warning" not in line]
    return lines[-1] if lines else f"exit code {code}"
