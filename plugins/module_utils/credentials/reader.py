"""One of the environment's secrets that root may read, for what runs on the host itself."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


def read_secret(env: Environment, name: str) -> str:
    try:
        return Path(env.path("secrets", name)).read_text().strip()
    except FileNotFoundError as error:
        raise Refusal(f"{error.filename} does not exist", f"run {playbook('setup_durable')} first") from error
