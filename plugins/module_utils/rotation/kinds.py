"""The names of all that can be rotated, and who rotates each: for playbooks/rotate_secrets.yml and the modules that it calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import RENEWABLE

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


def rotations(named: str) -> dict[str, object]:
    """Sorts the names that a user typed, with commas in between."""
    names = [name.strip() for name in named.split(",") if name.strip()]
    known = (*PASSWORDS, *APPLICATION_KEYS, *DATA_KEYS)
    unknown = [name for name in names if name not in known]
    problem = ""
    if not names:
        problem = "nothing is named"
    elif unknown:
        problem = f"nothing is called {' or '.join(unknown)}"
    if problem:
        problem += f" - give -e rotate= one name or several, with commas in between: {', '.join(known)}"
    passwords, application_keys, data_keys = ([name for name in kind if name in names] for kind in (PASSWORDS, APPLICATION_KEYS, DATA_KEYS))
    return asdict(Rotations(passwords, application_keys, data_keys, problem))
