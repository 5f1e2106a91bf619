"""Where an environment's backups are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import DEFAULT_ENGINE, ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

DEFAULT_REGION = "us-east-1"
# The arguments of a module that has to do with backups; the twin of doc_fragments/backups.py.
BACKUP_ARGUMENTS: dict[str, dict[str, Any]] = {
    "engine": {"type": "str", "choices": list(ENGINES), "default": DEFAULT_ENGINE},
    "backup_target": {"type": "str", "default": ""},
    "backup_endpoint": {"type": "str", "default": ""},
    "backup_ca_file": {"type": "path", "default": ""},
    "backup_region": {"type": "str", "default": DEFAULT_REGION},
}


@dataclass(frozen=True)
class BackupTarget:
    """`location` is a folder of this machine or `s3://<bucket>/<prefix>`."""

    location: str
    # An S3 service that is not Amazon's has an address, and an authority that vouches for it.
    endpoint: str = ""
    ca_file: str = ""
    region: str = DEFAULT_REGION

    @property
    def is_remote(self) -> bool:
        return self.location.startswith("s3://")

    @property
    def bucket(self) -> str:
        return self.location.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        return self.location.removeprefix("s3://").partition("/")[2]


def default_target(env: Environment, engine: str) -> BackupTarget:
    return BackupTarget(env.path("backups", engine))


def target_of(params: Mapping[str, Any], env: Environment) -> BackupTarget:
    location = params["backup_target"] or default_target(env, params["engine"]).location
    return BackupTarget(location, params["backup_endpoint"], params["backup_ca_file"], params["backup_region"])


def local_backups(env: Environment) -> list[str]:
    """The repositories on this machine that hold anything, in a user's words."""
    return [f"the backups in {folder}" for folder in sorted(Path(env.path("backups")).glob("*/")) if any(folder.iterdir())]


def refuse_missing_key(env: Environment) -> None:
    key = Path(env.path("secrets", "db", "backup_key"))
    if not key.exists():
        raise Refusal(
            f"{key} is missing, and without it nobody can read a backup",
            f"bring {env.path('secrets.json')} back from your own copy of it, then run {playbook('setup_durable')}",
        )
