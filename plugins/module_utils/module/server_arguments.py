"""The module arguments that say what a database server is; the twin of doc_fragments/database_server.py and backups.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS, target_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

SERVER_ARGUMENTS: dict[str, dict[str, Any]] = {
    **BACKUP_ARGUMENTS,
    "image": {"type": "str", "default": ""},
    "memory": {"type": "str", "default": "1g"},
    "connections": {"type": "int", "default": 200},
    "encryption_at_rest": {"type": "str", "choices": ["required", "off"], "default": "required"},
    "settings": {"type": "dict", "default": {}},
    "encrypted_size": {"type": "str", "default": "4g"},
}


def definition_of(params: Mapping[str, Any], env: Environment) -> ServerDefinition:
    definition = engine_named(params["engine"]).definition
    settings = {name: str(value) for name, value in params["settings"].items()}
    # MariaDB takes a setting's name with hyphens and with the prefix loose_, too.
    guarded = sorted(name for name in settings if name.replace("-", "_").removeprefix("loose_") in definition.guarded_settings)
    if guarded:
        raise Refusal(f"durable_db_settings has {', '.join(guarded)}, on which the safety of the data stands", "leave that out")
    return definition(
        env=env,
        image=params["image"],
        memory=params["memory"],
        connections=params["connections"],
        encrypted=params["encryption_at_rest"] == "required",
        extra_settings=settings,
        encrypted_size=params["encrypted_size"],
        backup_target=target_of(params, env),
    )
