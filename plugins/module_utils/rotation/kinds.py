"""The names of all that can be rotated, and who rotates each: for playbooks/rotate_secrets.yml and the modules that it calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import GIVEN_BY_OWNER, RENEWABLE
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import EXTERNAL, OWN

# A running database has to take over this password before the others are just replaced.
ROOT_PASSWORD = "db_root_password"
# Where several are named, they are rotated in this order.
PASSWORDS = (*RENEWABLE, ROOT_PASSWORD)
APPLICATION_KEYS = ("token_key", "kms_key")
DATA_KEYS = ("db_backup_key", "db_encryption_key", "db_volume_key")


@dataclass(frozen=True)
class Rotations:
    """`problem` says what is wrong with what was named, in one line."""

    passwords: list[str]
    application_keys: list[str]
    data_keys: list[str]
    problem: str = ""


# The secrets of a database server of our own.
_OF_OUR_SERVER = tuple(name for name in (*PASSWORDS, *DATA_KEYS) if name.startswith("db_"))


def rotations(named: str, database: str = OWN) -> dict[str, object]:
    """Sorts the names that a user typed, with commas in between. `database` is the inventory's echobase_database."""
    names = [name.strip() for name in named.split(",") if name.strip()]
    known = (*PASSWORDS, *APPLICATION_KEYS, *DATA_KEYS)
    unknown = [name for name in names if name not in known]
    not_ours = [name for name in names if name in _OF_OUR_SERVER and name not in GIVEN_BY_OWNER] if database == EXTERNAL else []
    problem = ""
    if not names:
        problem = "nothing is named"
    elif unknown:
        problem = f"nothing is called {' or '.join(unknown)}"
    if not names or unknown:
        problem += f" - give -e rotate= one name or several, with commas in between: {', '.join(known)}"
    elif not_ours:
        problem = (
            f"{', '.join(not_ours)} of a database that somebody else runs is not ours to change - leave it out; taken over, once its owner"
            f" has changed them, are {' and '.join(GIVEN_BY_OWNER)}"
        )
    passwords, application_keys, data_keys = ([name for name in kind if name in names] for kind in (PASSWORDS, APPLICATION_KEYS, DATA_KEYS))
    return asdict(Rotations(passwords, application_keys, data_keys, problem))
