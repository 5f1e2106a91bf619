"""What Compose makes of a user's file: includes, environment files, profiles and `extends` are its business, not ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import PLACEHOLDERS
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def compose_answer(file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """`variables` are those that the file may name as ${NAME}, beside what an `.env` file beside it says."""
    if not Path(file).is_file():
        raise Refusal(f"there is no Compose file {file}", "set echobase_application to the path of your application's Compose file")
    command = ["docker", "compose", "--file", file, "--profile", "*", "config", "--format", "json"]
    environment = os.environ | {name: str(value) for name, value in variables.items()} | PLACEHOLDERS
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Refusal("there is no command docker on this machine", f"run {playbook('setup_durable')}, which installs it") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "level=warning" not in line]
        raise Refusal(
            f"Compose does not accept {file}: {lines[-1] if lines else f'exit code {done.returncode}'}",
            f"see: docker compose --file {file} config",
        )
    return dict(json.loads(done.stdout))
