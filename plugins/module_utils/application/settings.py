"""The block `x-echobase` of a user's Compose file, read once: routes, questions, database, cache, jobs, secrets, volumes.

docs/reference/x-echobase.schema.json says the same to editors; a unit test gives both the same examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import MOST_ROUTED, TOOLS

BLOCK = "x-echobase"
# What can be told to an application about its database; `as` names the variable for each.
DATABASE_FACTS = ("engine", "host", "port", "name", "user", "password", "password_file", "authority_file", "url", "replica")
CACHE_FACTS = ("host", "port", "user", "password", "password_file", "authority_file", "url")
# `schema` speaks the protocol in docs/operate/migrations.md; who has none names one command for `expand` and one for `contract`.
JOBS = ("schema", "expand", "contract", "smoke", "drain", "dead_letters", "rewrap")
# What an application brings for those who watch it: rules for Prometheus, dashboards for the console and for Grafana.
OBSERVE = ("rules", "dashboards", "grafana")
# Whether both colours use one volume, or each has its own, which goes with it.
VOLUME_KINDS = ("shared", "colour")
PREFIX = re.compile(r"/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?")
_SIZE = re.compile(r"[1-9][0-9]*[kmg]?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+]{0,39}")
_PORTS = re.compile(r"[0-9]{1,5}:[0-9]{1,5}")
_LAST_PORT = 65535
# Where the edge itself answers, at one of its entrances at least.
RESERVED = ("edge", "login", "logout", "otlp", "preview", *TOOLS)


@dataclass(frozen=True)
class Route:
    """Whatever begins with `prefix`, as whole parts of a path, goes to one port of a service. The longest prefix decides."""

    prefix: str
    service: str
    port: int
    # The service has the colour's certificate (/run/tls) and speaks TLS.
    tls: bool = False
    # The largest body, as nginx writes it; empty means the edge's.
    body: str = ""
    # How many seconds an answer may take; 0 means the edge's.
    seconds: int = 0
    # How many seconds the service leaves an idle connection open. The edge hangs up first: nothing sent may meet a service that hangs up.
    idle: int = 2
    # Files of one release that an open page may still want: the other colour is asked where this one has none.
    shared: bool = False
    # Answers hold secrets, so they are never compressed.
    secret: bool = False
    # Only for whoever is logged in at the operators' entrance.
    operators: bool = False
    # Its answers say which colour they are of (X-Echobase-Colour), so that the edge does not have to look whether they do.
    names_colour: bool = False
    # A person's browser is told in HTML when something is wrong; a program in JSON.
    pages: bool = False


@dataclass(frozen=True)
class Access:
    """How a service of the durable layer is told to the application: the variable for each fact."""

    variables: Mapping[str, str]
    # Services of the Compose file whose place it takes; they are not started.
    instead_of: Sequence[str] = ()
    # Who is told; empty means everybody.
    services: Sequence[str] = ()
    # How the address in one line begins and ends, where the program wants it otherwise than most, such as postgresql+psycopg.
    scheme: str = ""
    query: str | None = None


@dataclass(frozen=True)
class DatabaseAccess(Access):
    engine: str = ""
    # Services that make or change tables by themselves when they start: they have the account that may.
    changes_schema: Sequence[str] = ()
    # A statement that lists what customers were promised: an identifier, a moment and a state, the newest first, by engine.
    acknowledged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    routes: tuple[Route, ...]
    ready: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, str] = field(default_factory=dict)
    in_flight: Mapping[str, str] = field(default_factory=dict)
    # Where a service says which of the environment's keys it has: a rotation waits until it has the new one.
    keys: Mapping[str, str] = field(default_factory=dict)
    database: DatabaseAccess | None = None
    cache: Access | None = None
    jobs: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    # Secrets that are given as variables, too, for programs that read no files.
    secret_variables: Sequence[str] = ()
    # Which of the environment's folders of secrets a service gets as /run/secrets.
    secret_folders: Mapping[str, str] = field(default_factory=dict)
    # Services that see nothing of the durable layer: neither the database nor the cache nor what watches.
    apart: Sequence[str] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    # A developer's way to a service without TLS, where it is asked for: the port that is published, and the service's own.
    plain_ports: Mapping[str, str] = field(default_factory=dict)
    # Services that read passwords only when they start, and so are started again when one changes.
    reads_once: Sequence[str] = ()
    # Files beside the Compose file, by what they are for.
    observe: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # The header by which a request may be sent twice and counts once.
    repeatable: str = ""
    # The version that people know a release by; its name has a hash of its content beside it.
    version: str = ""

    @property
    def routed(self) -> tuple[str, ...]:
        """The services that customers reach, each once, in the order of the routes."""
        return tuple(dict.fromkeys(route.service for route in self.routes))

    def route_of(self, service: str) -> Route:
        """The first route to a service: there it is asked how it is."""
        return next(route for route in self.routes if route.service == service)


_ROUTE_DEFAULTS: dict[str, tuple[type, Any]] = {
    "tls": (bool, False),
    "body": (str, ""),
    "seconds": (int, 0),
    "idle": (int, 2),
    "shared": (bool, False),
    "secret": (bool, False),
    "operators": (bool, False),
    "names_colour": (bool, False),
    "pages": (bool, False),
}


def is_reserved(path: str) -> bool:
    return path.split("/")[1] in RESERVED


class SettingsReader:
    """Collects what is wrong instead of stopping at the first thing."""

    def __init__(self, block: Any, services: Sequence[str]) -> None:
        self._services = services
        self.problems: list[Problem] = []
        self._block: Mapping[str, Any] = block if isinstance(block, Mapping) else {}
        if not isinstance(block, Mapping):
            self._object("", "is missing or no mapping", f"add at least `{BLOCK}: {{routes: {{/: <service>:<port>}}}}`")

    def read(self) -> Settings:
        known = {*Settings.__dataclass_fields__} - {"secret_variables"}
        for key in self._block:
            if key not in known:
                self._object(key, "is no setting", f"choose from {', '.join(sorted(known))}")
        secrets, variables = self._secrets()
        return Settings(
            routes=self._routes(),
            ready=self._paths("ready"),
            live=self._paths("live"),
            in_flight=self._paths("in_flight"),
            keys=self._paths("keys"),
            database=self._database(),
            cache=self._cache(),
            jobs=self._jobs(),
            secrets=secrets,
            secret_variables=variables,
            secret_folders=self._texts("secret_folders", self._services),
            apart=tuple(self._service_names("apart", self._block.get("apart", ()))),
            volumes=self._texts("volumes", None, VOLUME_KINDS),
            plain_ports=self._plain_ports(),
            reads_once=tuple(self._service_names("reads_once", self._block.get("reads_once", ()))),
            observe=self._observe(),
            repeatable=self._repeatable(),
            version=self._version(),
        )

    def _object(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(f"{BLOCK}.{where}" if where else BLOCK, what, remedy))

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self._block.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self._object(key, "is no mapping", "see docs/reference/x-echobase.md")
        return {}

    def _is_service(self, where: str, name: Any) -> bool:
        if name in self._services:
            return True
        self._object(where, f"there is no service '{name}'", f"choose from {', '.join(self._services)}")
        return False

    def _routes(self) -> tuple[Route, ...]:
        routes = [route for prefix, value in self._mapping("routes").items() if (route := self._route(prefix, value))]
        if not routes and not self.problems:
            self._object("routes", "leads nowhere", "name the service that answers customers, such as `routes: {/: web:8080}`")
        if len({route.service for route in routes}) > MOST_ROUTED:
            self._object("routes", f"leads to more than {MOST_ROUTED} services", "let one of them pass requests on to others")
        return tuple(routes)

    def _route(self, prefix: str, value: Any) -> Route | None:
        where = f"routes.{prefix}"
        if not PREFIX.fullmatch(prefix):
            self._object(where, "is no path", "begin with / and write letters, digits, . _ ~ - between slashes, without one at the end")
            return None
        if is_reserved(prefix):
            self._object(where, "is where the edge itself answers", f"choose a path that begins with none of /{', /'.join(RESERVED)}")
            return None
        if isinstance(value, str):
            service, _separator, port = value.partition(":")
            value = {"service": service, "port": port}
        if not isinstance(value, Mapping):
            self._object(where, "is neither <service>:<port> nor a mapping", "write for instance `web:8080`")
            return None
        port = str(value.get("port", ""))
        if not port.isdecimal() or not 1 <= int(port) <= _LAST_PORT:
            self._object(f"{where}.port", f"is '{port}'", "give the port on which the service listens inside its container")
            return None
        if not self._is_service(where, value.get("service")):
            return None
        options: dict[str, Any] = {}
        for key, given in value.items():
            if key in ("service", "port"):
                continue
            if key not in _ROUTE_DEFAULTS:
                self._object(f"{where}.{key}", "is no option of a route", f"choose from {', '.join(_ROUTE_DEFAULTS)}")
                continue
            kind, default = _ROUTE_DEFAULTS[key]
            if not isinstance(given, kind) or (isinstance(given, int) and kind is int and (isinstance(given, bool) or given < 0)):
                example = {bool: "true or false", int: "a whole number", str: "a text"}[kind]
                self._object(f"{where}.{key}", f"is '{given}'", f"give {example}")
            options[key] = given if isinstance(given, kind) else default
        if options.get("body") and not _SIZE.fullmatch(options["body"]):
            self._object(f"{where}.body", f"is '{options['body']}', which is no size", "write for instance 64k, 10m")
        return Route(prefix, str(value["service"]), int(port), **options)

    def _paths(self, key: str) -> Mapping[str, str]:
        found = self._texts(key, self._services)
        routed = {
            str(value.get("service") if isinstance(value, Mapping) else value).partition(":")[0]
            for value in self._mapping("routes").values()
        }
        for service, path in found.items():
            if not path.startswith("/"):
                self._object(f"{key}.{service}", f"is '{path}'", "give a path that begins with /")
            if service in self._services and service not in routed:
                self._object(
                    f"{key}.{service}",
                    "the edge does not reach this service",
                    "give it a healthcheck in its Compose service instead, or a route",
                )
        return found

    def _texts(self, key: str, names: Sequence[str] | None, choices: Sequence[str] = ()) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, value in self._mapping(key).items():
            where = f"{key}.{name}"
            if names is not None and not self._is_service(where, name):
                continue
            if not isinstance(value, str) or not value or (choices and value not in choices):
                self._object(where, f"is '{value}'", f"choose {' or '.join(choices)}" if choices else "give a text")
                continue
            found[name] = value
        return found

    def _database(self) -> DatabaseAccess | None:
        value = self._block.get("database")
        if value is None:
            return None
        if isinstance(value, str):
            value = {"engine": value}
        if not isinstance(value, Mapping):
            self._object("database", "is no mapping", "write for instance `database: {engine: postgresql, as: {url: DATABASE_URL}}`")
            return None
        engine = value.get("engine", "")
        if engine and engine not in ENGINES:
            self._object("database.engine", f"is '{engine}'", f"choose {' or '.join(ENGINES)}, or leave it out for the environment's")
        self._refuse_unknown(
            "database", value, ("engine", "as", "instead_of", "services", "scheme", "query", "changes_schema", "acknowledged")
        )
        acknowledged = value.get("acknowledged", {})
        if isinstance(acknowledged, str):
            acknowledged = dict.fromkeys([engine] if engine else ENGINES, acknowledged)
        if not isinstance(acknowledged, Mapping) or any(name not in ENGINES for name in acknowledged):
            self._object("database.acknowledged", "is neither a statement nor one for each engine", f"choose from {', '.join(ENGINES)}")
            acknowledged = {}
        return DatabaseAccess(
            **self._access("database", value, DATABASE_FACTS),
            engine=str(engine),
            changes_schema=tuple(self._service_names("database.changes_schema", value.get("changes_schema", ()))),
            acknowledged=dict(acknowledged),
        )

    def _cache(self) -> Access | None:
        value = self._block.get("cache")
        if value is None:
            return None
        if isinstance(value, str):
            value = {"engine": value}
        if not isinstance(value, Mapping):
            self._object("cache", "is no mapping", "write for instance `cache: {engine: redis, as: {url: REDIS_URL}}`")
            return None
        if value.get("engine", "redis") != "redis":
            self._object("cache.engine", f"is '{value['engine']}'", "choose redis")
        self._refuse_unknown("cache", value, ("engine", "as", "instead_of", "services", "scheme", "query"))
        return Access(**self._access("cache", value, CACHE_FACTS))

    def _refuse_unknown(self, where: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in value:
            if key not in known:
                self._object(f"{where}.{key}", "is no setting", f"choose from {', '.join(known)}")

    def _access(self, where: str, value: Mapping[str, Any], facts: Sequence[str]) -> dict[str, Any]:
        variables: dict[str, str] = {}
        given = value.get("as", {})
        if not isinstance(given, Mapping):
            self._object(f"{where}.as", "is no mapping", "write for instance `as: {url: DATABASE_URL}`")
            given = {}
        for fact, variable in given.items():
            if fact not in facts:
                self._object(f"{where}.as.{fact}", "is nothing that can be told", f"choose from {', '.join(facts)}")
            elif not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
                self._object(f"{where}.as.{fact}", f"'{variable}' is no name of a variable", "write for instance DATABASE_URL")
            else:
                variables[fact] = variable
        return {
            "variables": variables or {fact: f"{where.upper()}_{fact.upper()}" for fact in facts if fact not in ("password", "url")},
            "instead_of": tuple(self._service_names(f"{where}.instead_of", value.get("instead_of", ()))),
            "services": tuple(self._service_names(f"{where}.services", value.get("services", ()))),
            "scheme": str(value.get("scheme") or ""),
            "query": None if value.get("query") is None else str(value["query"]),
        }

    def _service_names(self, where: str, value: Any) -> Iterator[str]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, Sequence):
            self._object(where, "is no list of services", f"choose from {', '.join(self._services)}")
            return
        for name in names:
            if self._is_service(where, name):
                yield name

    def _jobs(self) -> Mapping[str, str]:
        found = self._texts("jobs", None)
        for job, service in found.items():
            if job not in JOBS:
                self._object(f"jobs.{job}", "is no job", f"choose from {', '.join(JOBS)}")
            else:
                self._is_service(f"jobs.{job}", service)
        return found

    def _secrets(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        value = self._block.get("secrets", ())
        if isinstance(value, str) or not isinstance(value, Sequence | Mapping):
            self._object("secrets", "is no list", "write for instance `secrets: [SESSION_KEY]`")
            return (), ()
        ways = dict(value) if isinstance(value, Mapping) else dict.fromkeys(value, "file")
        for name, way in ways.items():
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                self._object("secrets", f"'{name}' is no name of a variable", "write for instance SESSION_KEY")
            if way not in ("file", "variable"):
                self._object(f"secrets.{name}", f"is '{way}'", "choose file or variable")
        return tuple(map(str, ways)), tuple(str(name) for name, way in ways.items() if way == "variable")

    def _plain_ports(self) -> Mapping[str, str]:
        found = self._texts("plain_ports", self._services)
        for service, ports in found.items():
            if not _PORTS.fullmatch(ports):
                self._object(f"plain_ports.{service}", f"is '{ports}'", 'write for instance "4000:4000"')
        return found

    def _observe(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        for kind, value in self._mapping("observe").items():
            where = f"observe.{kind}"
            files = [value] if isinstance(value, str) else value
            if kind not in OBSERVE:
                self._object(where, "is nothing that can be brought", f"choose from {', '.join(OBSERVE)}")
            elif not isinstance(files, Sequence) or not all(isinstance(file, str) and file for file in files):
                self._object(where, "is no list of files", f"write for instance `observe: {{{kind}: [observe/{kind}.yml]}}`")
            else:
                found[kind] = tuple(files)
        return found

    def _repeatable(self) -> str:
        value = self._block.get("repeatable", "")
        if value and (not isinstance(value, str) or not _HEADER.fullmatch(value)):
            self._object("repeatable", f"'{value}' is no name of a header", "write for instance Idempotency-Key")
            return ""
        return str(value)

    def _version(self) -> str:
        value = self._block.get("version", "")
        if value and (not isinstance(value, str) or not _VERSION.fullmatch(value)):
            self._object("version", f"is '{value}'", 'write a text such as "1.4.2": letters, digits, dots, at most 40')
            return ""
        return str(value)
