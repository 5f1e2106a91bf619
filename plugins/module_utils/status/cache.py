"""What the screen tells of the cache, and whether the application can log in to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import MIB
from ansible_collections.echobase.platform.plugins.module_utils.cache.connection import (
    AccessDeniedError,
    CacheConnection,
    NotAnsweringError,
)
from ansible_collections.echobase.platform.plugins.module_utils.cache.server import COMPOSE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


@dataclass(frozen=True)
class CacheState:
    line: str
    is_ready: bool


def cache_state(env: Environment) -> CacheState | None:
    """None where the environment has no cache."""
    if not Path(env.path(COMPOSE)).exists():
        return None
    where = f"127.0.0.1:{env.cache.port}, volume {env.cache.volume}"
    try:
        with CacheConnection.of_environment(env, env.database_user, "app", "cache_password") as connection:
            found = connection.info()
    except (AccessDeniedError, NotAnsweringError) as error:
        return CacheState(f"CACHE     NOT READY: {error} ({where})", is_ready=False)
    used, limit = (int(found.get(name, "0")) // MIB for name in ("used_memory", "maxmemory"))
    version, tls = found.get("redis_version", ""), connection.tls_version
    return CacheState(f"CACHE     Redis {version} ready, {tls}, {used} of {limit} MiB, {where}", is_ready=True)
