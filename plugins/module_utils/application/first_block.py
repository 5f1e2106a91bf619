"""A first block `x-echobase` for a Compose file that has none: what Compose says, and the questions that it leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE

_DATABASES = {image: place.engine for place in ENGINES.values() for image in place.images}
_CACHES = ("redis", "valkey", "keydb", "dragonfly")
_FRONT_NAMES = ("web", "frontend", "nginx", "proxy", "caddy", "traefik", "app", "www", "ui")
_URL = re.compile(r"^(postgres(ql)?|mysql|mariadb)(\+\w+)?://")
_CACHE_URL = re.compile(r"^rediss?://")
_SECRET = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSPHRASE|API_?KEY|SIGNING_?KEY|_KEY$|^KEY$)")
_MIGRATES = re.compile(r"\b(migrate|migrations?|alembic|flyway|liquibase|prisma|knex|goose|dbmate|rake db:|sqlx)\b")
_PATH_IN_CHECK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?(/[^\s\"';|]*)")
# The last part of a variable's name, and what is told under it.
_FACTS = {
    "HOST": "host",
    "PORT": "port",
    "USER": "user",
    "USERNAME": "user",
    "NAME": "name",
    "DATABASE": "name",
    "DB": "name",
    "PASSWORD": "password",
    "PASSWORD_FILE": "password_file",
}


@dataclass
class FirstBlock:
    """`lines` is the block as it is written; `open` is what nobody could know from the file."""

    lines: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([f"{BLOCK}:", *self.lines]) + "\n"


def first_block(project: Mapping[str, Any]) -> FirstBlock:
    return _Writer(project).write()


class _Writer:
    def __init__(self, project: Mapping[str, Any]) -> None:
        self._services: dict[str, Mapping[str, Any]] = dict(project.get("services") or {})
        self._volumes = project.get("volumes") or {}
        self._databases = {name: engine for name, one in self._services.items() if (engine := _kind(one, _DATABASES))}
        self._caches = [name for name, one in self._services.items() if any(_base_name(one) == cache for cache in _CACHES)]
        self._own = {name: one for name, one in self._services.items() if name not in self._databases and name not in self._caches}
        self._block = FirstBlock()

    def write(self) -> FirstBlock:
        self._routes()
        self._ready()
        self._database()
        self._cache()
        self._jobs()
        self._secrets()
        self._keep_volumes()
        self._block.lines += [
            "  # The header by which your API knows a repeated request, if it has one: a canary may then be asked once more elsewhere.",
            "  # repeatable: Idempotency-Key",
        ]
        return self._block

    def _say(self, *lines: str) -> None:
        self._block.lines += [f"  {line}" for line in lines]

    def _ask(self, question: str) -> None:
        self._block.open.append(question)

    def _routes(self) -> None:
        found = list(self._reachable())
        self._say(
            "# Which service answers for which beginning of a path; the longest one decides. Options: tls, body, seconds, shared, secret,",
            "# operators, pages (docs/reference/x-echobase.md).",
        )
        if not found:
            self._say("routes: {/: <service>:<port>}")
            self._ask(
                "routes: no service publishes or exposes a port; name the one that answers customers, and its port inside the container"
            )
            return
        first = min(found, key=lambda one: (_front_rank(one[0]), one[0]))
        self._say("routes:", f"  /: {first[0]}:{first[1]}")
        for service, port in found:
            if service != first[0]:
                self._say(f"  # /{service}: {service}:{port}")
        if len(found) > 1:
            others = ", ".join(service for service, _port in found if service != first[0])
            self._ask(f"routes: {first[0]} gets everything; say which paths {others} answer, if customers reach them")

    def _reachable(self) -> Iterator[tuple[str, int]]:
        for name, service in self._own.items():
            ports = [int(port["target"]) for port in service.get("ports") or ()] or [
                int(str(port).partition("/")[0]) for port in service.get("expose") or ()
            ]
            if ports and not service.get("profiles"):
                yield name, ports[0]

    def _ready(self) -> None:
        found = {}
        for name, _port in self._reachable():
            check = " ".join(map(str, (self._own[name].get("healthcheck") or {}).get("test") or ()))
            if path := _PATH_IN_CHECK.search(check):
                found[name] = path[2]
        self._say("# Where a service says that it can serve. Without it the service's own health check counts, and that its port is open.")
        if found:
            self._say("ready:", *(f"  {name}: {path}" for name, path in found.items()))
        else:
            self._say("# ready: {<service>: /ready}")
        self._say(
            "# Where it says how many requests it is answering. Without it connections are counted.",
            "# in_flight: {<service>: /in-flight}",
        )

    def _database(self) -> None:
        if not self._databases:
            if any(_URL.match(str(value)) for _name, value in self._variables()):
                self._ask(
                    "database: a variable names a database that is no service of this file; say which engine it is, or leave it where it is"
                )
            self._say(
                "# A durable database, encrypted and backed up, that no release can harm.",
                "# database: {engine: postgresql, as: {url: DATABASE_URL}}",
            )
            return
        service, engine = next(iter(self._databases.items()))
        told = self._told(service, _URL)
        self._say(
            f"# The durable {engine} takes the place of service {service}. Its data are not taken along: load a dump once.",
            "database:",
            f"  engine: {engine}",
            f"  instead_of: {service}",
        )
        if told:
            self._say("  as: {" + ", ".join(f"{fact}: {variable}" for fact, variable in told.items()) + "}")
            scheme = str(dict(self._variables()).get(told.get("url", ""), "")).partition("://")[0]
            if scheme and scheme not in {place.scheme for place in ENGINES.values()}:
                self._say(f"  scheme: {scheme}")
            if "url" in told or "password" in told:
                self._ask("database.as: the password stands in a variable, which the engine shows; a file is better")
        else:
            self._say("  as: {url: DATABASE_URL}")
            self._ask("database.as: no variable names the database; say by which ones your program learns of it")
        self._say(
            "  # Services that make or change tables by themselves when they start. A job expand is tried on a copy first; this is not.",
            "  # changes_schema: [<service>]",
            "  # What customers were promised, for a restore to say what it would lose: identifier, moment, state, newest first.",
            "  # acknowledged: SELECT id, created_at, status FROM <what was promised> ORDER BY created_at DESC",
        )
        for other in list(self._databases)[1:]:
            self._ask(
                f"services.{other}: a second database; only one is kept by the durable layer, and this one would be refused for its volume"
            )

    def _cache(self) -> None:
        if not self._caches:
            self._say("# A durable Redis that both colours share.", "# cache: {engine: redis, as: {url: REDIS_URL}}")
            return
        service = self._caches[0]
        told = self._told(service, _CACHE_URL) or {"url": "REDIS_URL"}
        told = {fact: variable for fact, variable in told.items() if fact != "name"}
        self._say(
            f"# The durable Redis takes the place of service {service}; it speaks TLS only.",
            "cache:",
            "  engine: redis",
            f"  instead_of: {service}",
            "  as: {" + ", ".join(f"{fact}: {variable}" for fact, variable in told.items()) + "}",
        )
        self._ask(f"cache: your program has to trust the authority in {AUTHORITY_FILE} (as: {{authority_file: …}})")

    def _told(self, service: str, url: re.Pattern[str]) -> dict[str, str]:
        """The variables by which programs learn of a service: an address of it, or what stands beside a variable that names it."""
        variables = list(self._variables())
        for name, value in variables:
            if (url.match(str(value)) and f"@{service}" in str(value)) or (url.match(str(value)) and f"//{service}" in str(value)):
                return {"url": name}
        for name, value in variables:
            beginning, _separator, last = name.rpartition("_")
            if value == service and last in ("HOST", "SERVER", "HOSTNAME", "ADDR"):
                beside = {"host": name}
                for other, _value in variables:
                    ending = other.removeprefix(f"{beginning}_") if beginning and other.startswith(f"{beginning}_") else ""
                    if ending in _FACTS:
                        beside.setdefault(_FACTS[ending], other)
                return beside
        return {}

    def _variables(self) -> Iterator[tuple[str, Any]]:
        for service in self._own.values():
            yield from (service.get("environment") or {}).items()

    def _jobs(self) -> None:
        migrates = [name for name, one in self._own.items() if _MIGRATES.search(" ".join(map(str, one.get("command") or ())))]
        self._say(
            "# Services that run once: expand and contract change the schema around a release, smoke proves a release as a customer",
            "# would (exit code 0), drain finishes what a removed colour has begun. They need `profiles: [jobs]`.",
        )
        if migrates:
            self._say("jobs:", f"  expand: {migrates[0]}", "  # smoke: <service>")
        else:
            self._say("# jobs: {expand: <service>, smoke: <service>}")
            if self._databases:
                self._ask(
                    "jobs.expand: no service seems to change the schema; name the one that does, or, in database.changes_schema,"
                    " one that does so when it starts"
                )
        self._ask("jobs.smoke: without one, a release is proved by its readiness alone")

    def _secrets(self) -> None:
        told = {variable for service in (*self._databases, *self._caches) for variable in self._told(service, _URL).values()}
        names = sorted(
            {
                name
                for name, value in self._variables()
                if value and _SECRET.search(name) and name not in told and not name.endswith("_FILE")
            }
        )
        self._say("# Made once and kept: a file /run/secrets/<name>, its path in <name>_FILE. `variable` gives the value itself.")
        if names:
            self._say("secrets: {" + ", ".join(f"{name}: variable" for name in names) + "}")
            self._ask(f"secrets: {', '.join(names)} would get a new, random value; take out what has to be a certain one")
        else:
            self._say("# secrets: [SESSION_KEY]")

    def _keep_volumes(self) -> None:
        used = sorted(
            {
                str(mount["source"])
                for one in self._own.values()
                for mount in one.get("volumes") or ()
                if mount.get("type") == "volume" and mount.get("source")
            }
        )
        if not used:
            return
        self._say(
            "# shared: both colours write it, no release removes it, and nobody backs it up. colour: each has its own.",
            "volumes:",
            *(f"  {name}: shared" for name in used),
        )
        self._ask(f"volumes: can two releases write {', '.join(used)} at the same time? If not, `colour`, or keep it in the database")


def _base_name(service: Mapping[str, Any]) -> str:
    return str(service.get("image") or "").partition("@")[0].rpartition("/")[2].partition(":")[0]


def _kind(service: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    return kinds.get(_base_name(service), "")


def _front_rank(name: str) -> int:
    return next((place for place, word in enumerate(_FRONT_NAMES) if word in name.lower()), len(_FRONT_NAMES))
