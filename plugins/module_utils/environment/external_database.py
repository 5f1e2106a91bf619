"""The database of an environment that stands elsewhere, on a server that somebody else runs: what setup_durable found out and wrote down.

Whoever works on the environment later reads it here, as it reads ports and names: a colour is told where its database is, and whatever
would need a server of our own is refused. The passwords are among the environment's secrets.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

VARIABLE = "echobase_external_database"
FOLDER = "external-database"
_RECORD = "database.json"


@dataclass(frozen=True)
class ExternalDatabase:
    engine: str
    # Its name, which is in the certificate that it shows, and its port.
    host: str
    port: int
    # The database, and the accounts of the application and of whoever changes the schema.
    name: str
    app_user: str
    migrate_user: str
    # The file on this host with the certificates of the authority that vouches for the server.
    authority: str
    # Where the name leads, where it is not to be looked up.
    address: str = ""
    # A command on this host that prints the newest moment that its owner could restore the database to.
    restore_points: str = ""
    # What a rehearsal copies it with, and how large it may be for that. Without an image nothing is copied.
    rehearsal_image: str = ""
    rehearsal_max_size: str = "1g"
    # The version that it had when it was looked at.
    version: str = ""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def external_database(env: Environment) -> ExternalDatabase | None:
    """None where the environment has a database of its own."""
    file = record_file(env)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        known = {field.name for field in fields(ExternalDatabase)}
        return ExternalDatabase(**{name: value for name, value in found.items() if name in known})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        raise Refusal(
            f"{file} cannot be read, so nobody knows where the database is", f"{playbook('setup_durable')} writes it anew: remove it first"
        ) from error


def record_text(database: ExternalDatabase) -> str:
    return json.dumps(asdict(database), indent=1) + "\n"


def write_record(env: Environment, database: ExternalDatabase) -> None:
    file = record_file(env)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    write_durably(file, record_text(database), mode=0o600)


def record_file(env: Environment) -> Path:
    return Path(env.path(FOLDER, _RECORD))


def refuse_external(env: Environment, what: str) -> None:
    """`what` is what takes a server of our own, such as "a backup"."""
    database = external_database(env)
    if database is not None:
        raise Refusal(
            f"{what} is not ours to do: the database of environment {env.name} is external, at {database.place}",
            "ask whoever runs that server; docs/operate/external-database.md says what is left to us",
        )


def refuse_own(env: Environment) -> None:
    """An environment that was set up on somebody else's server does not get an empty database of its own by a changed word."""
    database = external_database(env)
    if database is not None:
        raise Refusal(
            f"the database of environment {env.name} is external, at {database.place}, and the inventory does not say so any more",
            f"say echobase_database: external; for an empty one of its own run {playbook('teardown')} first, which leaves that server",
        )


def refuse_other_than_set_up(env: Environment, wished: str, engine: str) -> None:
    """`wished` is what the inventory says in echobase_database: what it says since the last set-up counts from the next one on."""
    database = external_database(env)
    if wished != "external":
        refuse_own(env)
    elif database is None or database.engine != engine:
        found = f"{database.engine} at {database.place}" if database else "nobody's, or its own"
        raise Refusal(
            f"the inventory gives environment {env.name} an external {engine}, and what was set up is {found}",
            f"run {playbook('setup_durable')}, which looks at the server first",
        )
