"""How a program is told where its database and its cache are: the facts, under the variables that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Access
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE

SECRETS = "/run/secrets"
# Where a service that changes the schema by itself finds the password for that, beside its other secrets.
SCHEMA_SECRETS = "/run/secrets-schema"


@dataclass(frozen=True)
class Server:
    """A server of the durable layer, and the account that the program has there."""

    engine: str
    host: str
    port: int
    user: str
    # The name of the database; empty for a cache.
    name: str = ""
    replica: str = ""
    # Names of files among the secrets.
    password_file: str = "db_password"
    folder: str = SECRETS
    # Known only where a program has to have it in a variable.
    password: str = ""
    # Where a program finds the authority that vouches for it; and the same on the host, where that is not the environment's own.
    authority_file: str = AUTHORITY_FILE
    authority: str = ""
    # Where the host's name leads in a container, where the engine's networks do not know it.
    address: str = ""

    @property
    def facts(self) -> dict[str, str]:
        return {
            "engine": self.engine,
            "host": self.host,
            "port": str(self.port),
            "name": self.name,
            "user": self.user,
            "password": self.password,
            "password_file": f"{self.folder}/{self.password_file}",
            "authority_file": self.authority_file,
            "replica": self.replica,
        }

    def url(self, scheme: str, query: str | None) -> str:
        """The address in one line, as most frameworks read it. The server has to show that it is who it says."""
        database = ENGINES.get(self.engine)
        usual_scheme = database.scheme if database else "rediss"
        usual_query = database.query.format(authority=self.authority_file) if database else ""
        place = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self.host}:{self.port}"
        end = usual_query if query is None else query
        return f"{scheme or usual_scheme}://{place}/{self.name}{'?' if end else ''}{end}"


def password_variables(access: Access | None) -> list[str]:
    """The variables in which a program reads the password, where whoever may ask the engine sees it."""
    return [access.variables[fact] for fact in ("password", "url") if fact in access.variables] if access else []


def needs_password(access: Access | None) -> bool:
    return bool(password_variables(access))


def told(access: Access, server: Server) -> Mapping[str, str]:
    facts = {**server.facts, "url": server.url(access.scheme, access.query)}
    return {variable: facts[fact] for fact, variable in access.variables.items() if facts[fact]}
