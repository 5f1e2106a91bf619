"""Each consumer's secrets as files that only it can read: one folder a consumer, mounted into its containers."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from ansible_collections.echobase.platform.plugins.module_utils.durable_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

ROOT, MARIADB, NGINX, APPLICATION = 0, 999, 101, 10001
MIGRATE_USER = "migrate_user"
OPERATOR = "operator"
_HTPASSWD = "edge/operators.htpasswd"
_BCRYPT_COST = 8


@dataclass(frozen=True)
class SecretFile:
    name: str
    content: str
    uid: int
    mode: int = 0o400


@dataclass(frozen=True)
class Change:
    file: SecretFile
    reason: str


def wanted_files(env: Environment, values: Mapping[str, str], folder: Path) -> list[SecretFile]:
    """`folder` is where the files are now: a hash that still fits its password is kept, since each new one would differ."""
    return [
        SecretFile("db/root_password", values["db_root_password"], MARIADB),
        SecretFile("db/init.sql", _initial_users(env, values), MARIADB),
        SecretFile("migrate/db_password", values["db_migrate_password"], APPLICATION),
        SecretFile("app/db_password", values["db_app_password"], APPLICATION),
        SecretFile("app/jwt_key", values["jwt_key"], APPLICATION),
        SecretFile("emulator/kms_key", values["kms_key"], APPLICATION),
        SecretFile("emulator/db_password", values["db_app_password"], APPLICATION),
        SecretFile("emulator/jwt_key", values["jwt_key"], APPLICATION),
        SecretFile(_HTPASSWD, _htpasswd(values["operator_password"], folder / _HTPASSWD), NGINX),
        SecretFile("operator_password", values["operator_password"], ROOT, 0o600),
        SecretFile("operator_session", values["operator_session"], ROOT, 0o600),
    ]


def plan_changes(folder: Path, wanted: list[SecretFile]) -> list[Change]:
    return [Change(file, reason) for file in wanted if (reason := _difference(folder / file.name, file))]


def apply_changes(folder: Path, changes: list[Change]) -> None:
    _make_folder(folder, ROOT)
    for change in changes:
        file = change.file
        path = folder / file.name
        if path.parent != folder:
            _make_folder(path.parent, file.uid)
        write_durably(path, file.content, mode=file.mode, owner=(file.uid, file.uid))


def _difference(path: Path, file: SecretFile) -> str:
    try:
        found = path.stat()
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    if content != file.content:
        return "content differs"
    if stat.S_IMODE(found.st_mode) != file.mode:
        return f"mode {stat.S_IMODE(found.st_mode):04o} instead of {file.mode:04o}"
    if (found.st_uid, found.st_gid) != (file.uid, file.uid):
        return f"owner {found.st_uid}:{found.st_gid} instead of {file.uid}:{file.uid}"
    return ""


def _make_folder(folder: Path, uid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, uid, uid)
    folder.chmod(0o700 if uid == ROOT else 0o500)


def _htpasswd(password: str, current: Path) -> str:
    try:
        found = current.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        found = ""
    user, _, hashed = found.strip().partition(":")
    if user == OPERATOR and hashed.startswith("$2y$") and bcrypt.checkpw(password.encode(), hashed.encode()):
        return found
    fresh = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode()
    # The prefix that crypt(3), and so nginx, knows; the hash is the same.
    return f"{OPERATOR}:{fresh.replace('$2b$', '$2y$', 1)}\n"


def _initial_users(env: Environment, values: Mapping[str, str]) -> str:
    lines = []
    # In a grant an underscore stands for any character unless it is escaped.
    database = env.database.replace("_", r"\_")
    for user, password, privileges in (
        (MIGRATE_USER, values["db_migrate_password"], "ALL PRIVILEGES"),
        (env.database_user, values["db_app_password"], "SELECT, INSERT, UPDATE, DELETE"),
    ):
        account = f"'{user}'@'%'"
        lines += [
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}' REQUIRE SSL;",
            f"ALTER USER {account} IDENTIFIED BY '{password}' REQUIRE SSL;",
            f"GRANT {privileges} ON `{database}`.* TO {account};",
        ]
    return "\n".join(lines) + "\n"
