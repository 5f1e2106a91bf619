"""Every secret of an environment: its name, how it is generated, and whether data can be read without it."""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

_ALPHABET = string.ascii_letters + string.digits


def _password() -> str:
    """Letters and digits only: nothing to quote in SQL, a shell or a URL."""
    return "".join(secrets.choice(_ALPHABET) for _letter in range(32))


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Kind:
    generate: Callable[[], str]
    # Data that exists is unreadable or unreachable without it.
    guards_data: bool
    # Data may be older than this kind of secret. Whether they need it, the record of what was in use tells (credentials/fingerprints.py).
    recorded: bool = False


KINDS = {
    "db_root_password": Kind(_password, guards_data=True),
    "db_migrate_password": Kind(_password, guards_data=True),
    "db_app_password": Kind(_password, guards_data=True),
    # What an account that is lost can do without: a new password reaches the server with its next set-up.
    "db_backup_password": Kind(_password, guards_data=False),
    "db_monitor_password": Kind(_password, guards_data=False),
    "db_replica_password": Kind(_password, guards_data=False),
    "cache_app_password": Kind(_password, guards_data=False),
    "cache_monitor_password": Kind(_password, guards_data=False),
    "cache_admin_password": Kind(_password, guards_data=False),
    # These encrypt MariaDB's tables and logs, PostgreSQL's volume, and the backups.
    "db_encryption_key": Kind(_key, guards_data=True, recorded=True),
    "db_volume_key": Kind(_key, guards_data=True, recorded=True),
    "db_backup_key": Kind(_password, guards_data=True, recorded=True),
    "kms_key": Kind(_key, guards_data=True),
    "operator_password": Kind(_password, guards_data=False),
    # Whoever fetches the edge's metrics shows this one; it opens nothing else.
    "metrics_password": Kind(_password, guards_data=False),
    # What they sign expires by itself, so where they are missing they are simply made, beside existing data, too.
    "token_key": Kind(_key, guards_data=False),
    "preview_key": Kind(_key, guards_data=False),
    "desk_key": Kind(_key, guards_data=False),
    # What the application signs its calls of the cloud emulator with.
    "cloud_key": Kind(_key, guards_data=False),
}
# A further key of MariaDB's data or of an application's has a number behind the name of the first one, which stays, since old data and
# backups keep theirs.
FURTHER_KEY = re.compile(r"(db_encryption_key|kms_key)_(\d+)")
# What the administrator's password was when the data were made. It opens nothing any more, but the fingerprint that is written on their
# volume for ever is made from it.
FIRST_ROOT_PASSWORD = "db_root_password_first"
# Before the name of a secret that the application's definition asks for. What it is for only the application knows, so none is ever made
# anew or forgotten.
APPLICATION = "application_"
# The S3 service that keeps the backups gave these to the user; nobody can generate them.
GIVEN = ("backup_s3_key", "backup_s3_secret")
# Whoever runs an external database gives these to the user.
GIVEN_BY_OWNER = ("db_app_password", "db_migrate_password")
# The cache's passwords. A running cache takes new ones over without an interruption.
CACHE_PASSWORDS = [name for name in KINDS if name.startswith("cache_")]
# These passwords can get a new value at the next set-up: those of the database's accounts and of the cache's, and the operator's.
RENEWABLE = [
    *(f"db_{account}_password" for account in ("app", "migrate", "backup", "monitor", "replica")),
    *CACHE_PASSWORDS,
    "operator_password",
]


def application_secret() -> str:
    return _password()
