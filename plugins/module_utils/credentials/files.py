"""Each consumer's secrets as files that only it can read: one folder a consumer, mounted into its containers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import account_file, exporter_passwords
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import (
    ACCOUNTS_FILE,
    Accounts,
    LineRecord,
    wanted_accounts,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import APPLICATION as APPLICATION_PREFIX
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import GIVEN
from ansible_collections.echobase.platform.plugins.module_utils.credentials.token_keys import TokenKeys
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import keys_document
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import MONITOR_USER
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engines
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import (
    APPLICATION,
    AUTHORITY_FILE,
    DATABASE,
    OBSERVER,
    ROOT,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# An application's programs run as whoever their images say; all of them are in this group.
_FOR_PROGRAMS = 0o440
_NEXT_BACKUP_KEY, _NEXT_VOLUME_KEY = "db/backup_key_next", "volume_key_next"


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


def wanted_files(env: Environment, values: Mapping[str, str], folder: Path, accounts: Accounts | None = None) -> list[SecretFile]:
    """`folder` is where the files are now; `accounts` are the operators', by default as they are there."""
    accounts = accounts or wanted_accounts(values["operator_password"], folder / ACCOUNTS_FILE, LineRecord())
    return [
        SecretFile("db/root_password", values["db_root_password"], DATABASE),
        SecretFile("db/monitor_password", values["db_monitor_password"], DATABASE),
        SecretFile("db/replica_password", values["db_replica_password"], DATABASE),
        *_files_of_engines(env, values),
        SecretFile("observability/monitor_password", values["db_monitor_password"], OBSERVER),
        SecretFile("observability/mariadb.cnf", _login_of_exporter(values["db_monitor_password"]), OBSERVER),
        SecretFile("observability/redis.json", exporter_passwords(env, values), OBSERVER),
        SecretFile("cache/users.acl", account_file(env, values), DATABASE),
        SecretFile("cache/monitor_password", values["cache_monitor_password"], DATABASE),
        SecretFile("cache/admin_password", values["cache_admin_password"], DATABASE),
        SecretFile("volume_key", values["db_volume_key"], ROOT, 0o600),
        SecretFile("migrate/db_password", values["db_migrate_password"], APPLICATION, _FOR_PROGRAMS),
        SecretFile("app/db_password", values["db_app_password"], APPLICATION, _FOR_PROGRAMS),
        SecretFile("app/token_key", values["token_key"], APPLICATION, _FOR_PROGRAMS),
        SecretFile("app/token_keys", TokenKeys.of(values).document, APPLICATION, _FOR_PROGRAMS),
        SecretFile("app/cache_password", values["cache_app_password"], APPLICATION, _FOR_PROGRAMS),
        *_files_of_application(values),
        SecretFile("emulator/kms_key", values["kms_key"], APPLICATION),
        SecretFile("emulator/kms_keys", keys_document(values), APPLICATION),
        SecretFile("emulator/db_password", values["db_app_password"], APPLICATION),
        SecretFile("emulator/token_key", values["token_key"], APPLICATION),
        *(
            SecretFile(f"{consumer}/cloud_credentials", _cloud_credentials(env, values), APPLICATION, _FOR_PROGRAMS)
            for consumer in ("app", "emulator")
        ),
        SecretFile("emulator/token_keys", TokenKeys.of(values).document, APPLICATION),
        SecretFile(ACCOUNTS_FILE, accounts.content, APPLICATION),
        SecretFile("desk/desk_key", values["desk_key"], APPLICATION),
        SecretFile("desk/preview_key", values["preview_key"], APPLICATION),
        SecretFile("desk/metrics_password", values["metrics_password"], APPLICATION),
        SecretFile("operator_password", values["operator_password"], ROOT, 0o600),
        SecretFile("preview_key", values["preview_key"], ROOT, 0o600),
        SecretFile("metrics_password", values["metrics_password"], ROOT, 0o600),
        *([SecretFile(_NEXT_BACKUP_KEY, values["db_backup_key_next"], DATABASE)] if "db_backup_key_next" in values else []),
        *([SecretFile(_NEXT_VOLUME_KEY, values["db_volume_key_next"], ROOT, 0o600)] if "db_volume_key_next" in values else []),
    ]


def _files_of_application(values: Mapping[str, str]) -> Iterator[SecretFile]:
    for name, value in values.items():
        if name.startswith(APPLICATION_PREFIX):
            yield SecretFile(f"app/{name.removeprefix(APPLICATION_PREFIX)}", value, APPLICATION, _FOR_PROGRAMS)


def _files_of_engines(env: Environment, values: Mapping[str, str]) -> Iterator[SecretFile]:
    """Each environment has those of all engines, whichever it uses."""
    consumers = ["db"]
    for engine in engines():
        consumers += engine.backup_consumers
        for name, content in engine.secret_files(env, values).items():
            yield SecretFile(f"db/{name}", content, DATABASE)
    backup_secrets = {"backup_key": values["db_backup_key"], "backup_password": values["db_backup_password"]}
    for folder in dict.fromkeys(consumers):
        for name, value in (backup_secrets | {name: values[name] for name in GIVEN if name in values}).items():
            yield SecretFile(f"{folder}/{name}", value, DATABASE)


def outlived_files(folder: Path, values: Mapping[str, str]) -> list[Path]:
    """The files of next keys that have taken the place of the ones before them, and so are needed no more."""
    files = {"db_backup_key_next": _NEXT_BACKUP_KEY, "db_volume_key_next": _NEXT_VOLUME_KEY}
    return [path for name, file in files.items() if name not in values and (path := folder / file).exists()]


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
    folder.chmod({ROOT: 0o700, APPLICATION: 0o550}.get(uid, 0o500))


def _cloud_credentials(env: Environment, values: Mapping[str, str]) -> str:
    """Gives the credentials in the file format of AWS's own libraries and tools."""
    return f"[default]\naws_access_key_id = {env.cloud_access_key}\naws_secret_access_key = {values['cloud_key']}\n"


def _login_of_exporter(password: str) -> str:
    """Gives a client's configuration as MariaDB has it: the exporter takes no password from a file of its own."""
    return f"[client]\nuser = {MONITOR_USER}\npassword = {password}\nssl-ca = {AUTHORITY_FILE}\n"
