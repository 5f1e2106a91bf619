"""Who may log in to the cache, and what each may do: the file that Redis reads when it starts, and whenever it is told to.

It holds digests of the passwords and never a password. One of its users can do nothing and is there for its name: it tells which file a
running cache has taken over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

ADMIN_USER = "admin_user"
MONITOR_USER = "monitor_user"
_MARK = "accounts-"

# All keys, since strangers' applications name theirs as they like, and nothing that harms others: no look through all keys at once, no
# deletion of everything, no settings, no other clients. INFO counts as dangerous to Redis, and common clients do not start without it.
_APPLICATION = "~* &* +@all -@admin -@dangerous +info"
# Numbers only: not what is in the keys, nor what others ask.
_MONITOR = "+ping +info +slowlog|len +latency|latest +client|setname"
_ADMIN = "~* &* +@all"


def account_file(env: Environment, values: Mapping[str, str]) -> str:
    """`values` are the environment's secrets."""
    lines = [
        "user default off",
        _user(env.database_user, values["cache_app_password"], _APPLICATION),
        _user(MONITOR_USER, values["cache_monitor_password"], _MONITOR),
        _user(ADMIN_USER, values["cache_admin_password"], _ADMIN),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return "".join(f"{line}\n" for line in (*lines, f"user {_MARK}{digest} off"))


def mark_of(accounts: str) -> str:
    """The name by which a running cache tells that it has these accounts."""
    return accounts.splitlines()[-1].split()[1]


def exporter_passwords(env: Environment, values: Mapping[str, str]) -> str:
    """The monitor's password in the file format of the exporter: by address and user."""
    return json.dumps({exporter_address(env): values["cache_monitor_password"]})


def exporter_address(env: Environment) -> str:
    return f"rediss://{MONITOR_USER}@{env.cache.tls_name}:{env.cache.container_port}"


def _user(name: str, password: str, rules: str) -> str:
    return f"user {name} on #{hashlib.sha256(password.encode()).hexdigest()} {rules}"
