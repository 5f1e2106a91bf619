"""A look at a database server that somebody else runs: whether an environment can stand on it, asked of the server itself.

What it answers is believed, not what its owner promised. Nothing of it is changed, but for a table that a probe makes and takes away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import CLOCK_TOLERANCE
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine, is_older_major
from ansible_collections.echobase.platform.plugins.module_utils.database.login import (
    AccessDeniedError,
    CertificateRejectedError,
    DatabaseLogin,
    DatabaseSession,
    NotReadyError,
    StatementError,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase

GUIDE = "docs/operate/external-database.md has the SQL that makes both accounts"
_PROBE = "echobase_probe"
# What the application does with a table that the migrations made.
_APPLICATION_STATEMENTS = (
    f"INSERT INTO {_PROBE} (id, note) VALUES (1, 'probe')",
    f"SELECT note FROM {_PROBE}",
    f"UPDATE {_PROBE} SET note = 'probed' WHERE id = 1",
    f"DELETE FROM {_PROBE}",
)


@dataclass(frozen=True)
class Found:
    version: str
    tls_cipher: str
    # Of the majors that we have images of, its own or the next newer one.
    image_major: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Examination:
    """`app` and `migrate` are the logins of the two accounts, over TLS that verifies authority and name."""

    engine: DatabaseEngine
    database: ExternalDatabase
    app: DatabaseLogin
    migrate: DatabaseLogin

    def look(self) -> Found:
        """Reads alone. A Refusal says what of the server does not do."""
        with self._session(self.app) as session:
            found = self._about(session)
            mighty = [row[0] for row in session.query(self.engine.statements.mighty_rights)]
        if mighty:
            raise Refusal(
                f"account {self.app.user} at {self.database.place} may do more than an application should: {', '.join(mighty)}",
                f"have these rights taken from it; {GUIDE}",
            )
        with self._session(self.migrate) as session:
            mighty = [row[0] for row in session.query(self.engine.statements.mighty_rights)]
        if mighty:
            found.warnings.append(f"account {self.migrate.user} may do more than migrations need: {', '.join(mighty)}")
        return found

    def probe(self) -> list[str]:
        """Has both accounts do what they will have to do, with a table that is gone afterwards. Gives what is to be warned of."""
        with self._session(self.migrate) as migrate:
            self._do(migrate, self.migrate, f"DROP TABLE IF EXISTS {_PROBE}")
            self._do(migrate, self.migrate, f"CREATE TABLE {_PROBE} (id INT PRIMARY KEY, note VARCHAR(20))")
            try:
                self._do(migrate, self.migrate, f"ALTER TABLE {_PROBE} ADD COLUMN more INT")
                with self._session(self.app) as app:
                    for statement in _APPLICATION_STATEMENTS:
                        self._do(app, self.app, statement)
                    return self._excess(app)
            finally:
                with suppress(StatementError):
                    migrate.query(f"DROP TABLE {_PROBE}")

    def _about(self, session: DatabaseSession) -> Found:
        statements, place = self.engine.statements, self.database.place
        try:
            [[version, only_reads, encoding, clock, cipher]] = session.query(statements.about)
        except StatementError as error:
            raise Refusal(
                f"{place} is no {self.engine.title}: {error}", "correct echobase_engine, or the server's name and port"
            ) from error
        if statements.product not in version:
            raise Refusal(f"{place} is no {self.engine.title}, but {version}", "correct echobase_engine, or the server's name and port")
        if only_reads == "t":
            raise Refusal(f"{place} only reads: it is a replica, or its owner has locked it", "give the name of the server that writes")
        if encoding not in statements.encodings:
            raise Refusal(
                f"database {self.database.name} at {place} has encoding {encoding}, which loses characters",
                f"have it made anew with {statements.encodings[0]}, before it has data",
            )
        number = version.removeprefix(statements.product).strip().partition("-")[0].partition(" ")[0]
        warnings = warnings_of_version(self.engine, place, number)
        late = float(clock) - time.time()
        if abs(late) > CLOCK_TOLERANCE.total_seconds():
            warnings.append(
                f"the clock of {place} is {abs(late):.0f} s {'ahead of' if late > 0 else 'behind'} this host's: look after both"
            )
        return Found(number, cipher, image_major(self.engine, number), warnings)

    def _excess(self, app: DatabaseSession) -> list[str]:
        """The application should not be able to change tables; on a server of somebody else's we only say so."""
        try:
            app.query(f"CREATE TABLE {_PROBE}_app (id INT PRIMARY KEY)")
        except StatementError:
            return []
        app.query(f"DROP TABLE {_PROBE}_app")
        return [f"account {self.app.user} may make tables at {self.database.place}, which only {self.migrate.user} should; {GUIDE}"]

    def _do(self, session: DatabaseSession, login: DatabaseLogin, statement: str) -> None:
        try:
            session.query(statement)
        except StatementError as error:
            words = statement.partition(f" {_PROBE}")[0]
            raise Refusal(f"account {login.user} may not {words} at {self.database.place}: {error}", f"have it granted; {GUIDE}") from error

    @contextmanager
    def _session(self, login: DatabaseLogin) -> Iterator[DatabaseSession]:
        with reached(self.database, login) as session:
            yield session


def image_major(engine: DatabaseEngine, number: str) -> str:
    """Of the majors that we have images of, the server's own or the next newer one."""
    fitting = [major for major in engine.images if not is_older_major(major, _major(number, major))]
    return fitting[-1] if fitting else engine.newest_major


def warnings_of_version(engine: DatabaseEngine, place: str, number: str) -> list[str]:
    """Refuses a server that is older than what we work with."""
    newest, oldest = engine.newest_major, list(engine.images)[-1]
    if is_older_major(_major(number, oldest), oldest):
        raise Refusal(
            f"{place} is {engine.title} {number}, and the oldest that we work with is {oldest}",
            "have it upgraded, or take another server",
        )
    if is_older_major(newest, _major(number, newest)):
        return [f"{engine.title} {number} is newer than {newest}, the newest that we have tried"]
    return []


def _major(number: str, like: str) -> str:
    """The beginning of a version that has as many parts as the other."""
    return ".".join(number.split(".")[: len(like.split("."))])


@contextmanager
def reached(database: ExternalDatabase, login: DatabaseLogin, way: str = "") -> Iterator[DatabaseSession]:
    """A session there; what is in its way becomes a Refusal. `way` says how it was tried, if not from this host itself."""
    try:
        with login.session() as session:
            yield session
    except (AccessDeniedError, NotReadyError) as error:
        raise refusal_of(database, login, error, way) from error


def refusal_of(database: ExternalDatabase, login: DatabaseLogin, error: Exception, way: str = "") -> Refusal:
    tried = f" ({way})" if way else ""
    if isinstance(error, CertificateRejectedError):
        return Refusal(
            f"{database.place} does not show a certificate of the given authority for that name{tried}: {error}",
            "correct echobase_external_database.ca_file or .host; a server that cannot prove who it is is not used",
        )
    if isinstance(error, AccessDeniedError):
        return Refusal(
            f"{database.place} refuses account {login.user} for database {database.name}{tried}: {error}",
            f"correct name or password in echobase_external_database.users; {GUIDE}",
        )
    if "TLS" in str(error) or "SSL" in str(error):
        return Refusal(
            f"{database.place} does not speak TLS{tried}: {error}", "have it switched on; nothing is sent in clear to a database"
        )
    return Refusal(
        f"{database.place} cannot be reached{tried}: {error}", "see that it runs, and that no firewall is between it and this host"
    )
