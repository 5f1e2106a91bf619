"""What a colour gets from its environment: its database, its cache, the secrets that a program reads from variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.access import Server, needs_password
from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import (
    ExternalDatabase,
    external_database,
    refuse_other_than_set_up,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE_AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


def colour_place(env: Environment, colour: str, definition: Definition, options: Mapping[str, Any]) -> ColourPlace:
    """`options` are those of a module: release, version, images, engine, memory and so on."""
    settings = definition.settings
    engine = options["engine"]
    if options.get("database"):
        refuse_other_than_set_up(env, options["database"], engine)
    if settings.database and settings.database.engine not in ("", engine):
        raise Refusal(
            f"{BLOCK}.database.engine: the application needs {settings.database.engine}, and environment {env.name} has {engine}",
            f"set echobase_engine: {settings.database.engine} in its inventory, before it has data",
        )
    if settings.cache and settings.cache.instead_of and not options["has_cache"]:
        raise Refusal(
            f"{BLOCK}.cache.instead_of: environment {env.name} has no cache to take the place of {', '.join(settings.cache.instead_of)}",
            "set echobase_cache: redis in its inventory",
        )
    password = _secret(env, "app", "db_password") if needs_password(settings.database) else ""
    migrator_password = _secret(env, "migrate", "db_password") if needs_password(settings.database) else ""
    return ColourPlace(
        env=env,
        colour=env.colour(colour),
        release=options["release"],
        version=options["version"] or options["release"].rpartition("-")[0],
        images=options["images"],
        memory=options["memory"],
        telemetry=options["telemetry_endpoint"],
        plain_ports=bool(options.get("plain_ports")),
        database=_database(env, engine, env.database_user, password, options["has_replica"]),
        migrator=_database(env, engine, MIGRATE_USER, migrator_password, options["has_replica"]),
        cache=_cache(env, settings.cache is not None and needs_password(settings.cache)) if options["has_cache"] else None,
        secrets={name: _secret(env, "app", name) for name in settings.secret_variables},
    )


def _database(env: Environment, engine: str, user: str, password: str, has_replica: bool) -> Server:
    external = external_database(env)
    if external is not None:
        return _external(env, external, user, password)
    server = env.server(engine)
    replica = env.replica(engine).container if has_replica else ""
    return Server(engine, server.container, server.container_port, user, env.database, replica, password=password)


def _external(env: Environment, external: ExternalDatabase, user: str, password: str) -> Server:
    """By its own name, which leads to the way out of the durable network: there is no other."""
    return Server(
        external.engine,
        external.host,
        external.port,
        external.migrate_user if user == MIGRATE_USER else external.app_user,
        external.name,
        password=password,
        authority_file=DATABASE_AUTHORITY_FILE,
        authority=external.authority,
        address=env.server(external.engine).address,
    )


def _cache(env: Environment, with_password: bool) -> Server:
    password = _secret(env, "app", "cache_password") if with_password else ""
    cache = env.cache
    return Server("redis", cache.tls_name, cache.container_port, env.database_user, "0", password_file="cache_password", password=password)


def _secret(env: Environment, consumer: str, name: str) -> str:
    path = Path(env.path("secrets", consumer, name))
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise Refusal(f"{path} does not exist", f"run {playbook('setup_durable')}, which makes it") from error
