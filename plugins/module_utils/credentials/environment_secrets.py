"""The secrets of one environment: generated once, kept in one file, handed to each consumer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.files import (
    Change,
    apply_changes,
    outlived_files,
    plan_changes,
    wanted_files,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.fingerprints import KeyRecord, fingerprints
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import (
    ACCOUNTS_FILE,
    KEPT,
    Accounts,
    LineRecord,
    wanted_accounts,
    warning,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import APPLICATION, KINDS, application_secret
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import (
    SecretStore,
    completed,
    expired_values,
    key_fingerprint,
    missing,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import secrets_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# A file system in memory: what the vault protects at rest never reaches a disk in the clear.
VOLATILE_HOME = Path("/run/echobase")


@dataclass(frozen=True)
class SecretsPlan:
    """Values are part of the plan and never of anything that is shown."""

    values: dict[str, str]
    generated: list[str]
    renewed: list[str]
    rewrites_store: bool
    rewrites_record: bool
    accounts: Accounts
    # What the record said about the operator's line before this run.
    line_record: LineRecord
    changes: list[Change]
    moves_folder: bool
    expired: list[str]

    @property
    def is_empty(self) -> bool:
        return not (self.rewrites_store or self.rewrites_record or self.rewrites_line_record or self.changes or self.moves_folder)

    @property
    def rewrites_line_record(self) -> bool:
        return self.accounts.record != self.line_record


class EnvironmentSecrets:
    """`data` names what exists of the environment's data, volumes and backups; asked only when something would be generated or deleted."""

    def __init__(self, env: Environment, vault_password: bytes | None, data: Callable[[], Sequence[str]]) -> None:
        self._env = env
        self._data = data
        self._store = SecretStore(Path(env.path("secrets.json")), vault_password)
        self._record = KeyRecord(Path(env.path("key-fingerprints.json")))
        self._line_record_file = Path(env.path("operator-line.json"))
        self._link = Path(env.path("secrets"))
        self._folder = VOLATILE_HOME / env.name / "secrets" if vault_password else self._link

    def present(
        self, check: bool, renew: Sequence[str] = (), given: Mapping[str, str] | None = None, application: Sequence[str] = ()
    ) -> Outcome:
        """`renew` names passwords that get a new value; `given` are those that come from elsewhere; `application` those it asks for."""
        given = given or {}
        plan = self._plan(renew, given, application)
        if not plan.is_empty and not check:
            with secrets_lock(self._env):
                plan = self._plan(renew, given, application)
                self._apply(plan)
        return self._outcome(plan)

    def known(self) -> dict[str, str]:
        return self._store.load()

    def change(self, values: Mapping[str, str], dropped: Sequence[str] = ()) -> None:
        """Changes keys that data have, or are about to get. The caller knows that no data are left without theirs."""
        with secrets_lock(self._env):
            known = {name: value for name, value in self._store.load().items() if name not in dropped} | dict(values)
            self._store.save(known)
            self._record.save(known)
            accounts = wanted_accounts(known["operator_password"], self._accounts_file, LineRecord.load(self._line_record_file))
            apply_changes(self._folder, plan_changes(self._folder, wanted_files(self._env, known, self._folder, accounts)))
            for path in outlived_files(self._folder, known):
                path.unlink()

    def absent(self, check: bool) -> Outcome:
        volatile = [self._link.readlink()] if self._link.is_symlink() else []
        paths = [path for path in (*self._files, self._link, *volatile) if path.exists() or path.is_symlink()]
        if paths and (data := self._data()):
            raise Refusal(
                f"nothing can read {' and '.join(data)} without {self._store.file}",
                f"delete the data first: {_removal(data)}",
            )
        if not check:
            for path in paths:
                _remove(path)
        return Outcome(changed=bool(paths), before="".join(f"{path}\n" for path in paths))

    @property
    def _files(self) -> tuple[Path, ...]:
        return self._store.file, self._record.file, self._line_record_file

    @property
    def _accounts_file(self) -> Path:
        """The path where the operators' accounts are now. While a vault is begun or given up, that is still the place from before."""
        return next(
            (folder / ACCOUNTS_FILE for folder in (self._folder, self._link) if (folder / ACCOUNTS_FILE).exists()),
            self._folder / ACCOUNTS_FILE,
        )

    def _plan(self, renew: Sequence[str], given: Mapping[str, str], application: Sequence[str]) -> SecretsPlan:
        known = self._store.load()
        asked = [name for wish in application if (name := f"{APPLICATION}{wish}") not in known]
        news = [name for name, value in given.items() if known.get(name) != value]
        lacking = missing(known)
        recorded = self._record.load()
        self._refuse_to_orphan(known, lacking, recorded)
        values = completed({name: value for name, value in known.items() if name not in renew}) | dict(given)
        values |= {name: application_secret() for name in asked}
        # What lies behind a link that will go counts for nothing.
        current = self._link / "nowhere" if self._leaves_vault() else self._folder
        line_record = LineRecord.load(self._line_record_file)
        accounts = wanted_accounts(values["operator_password"], self._accounts_file, line_record, "operator_password" in renew)
        return SecretsPlan(
            values=values,
            generated=[*(name for name in KINDS if name in lacking or name in renew), *asked],
            renewed=[*renew, *news],
            rewrites_store=bool(lacking or asked or renew or news or expired_values(known)) or self._store.needs_rewrite(),
            rewrites_record=recorded != fingerprints(values),
            accounts=accounts,
            line_record=line_record,
            changes=plan_changes(current, wanted_files(self._env, values, current, accounts)),
            moves_folder=self._is_elsewhere(),
            expired=expired_values(known),
        )

    def _refuse_to_orphan(self, known: dict[str, str], lacking: list[str], recorded: dict[str, str]) -> None:
        """Refuses to make fresh keys beside old data, which would be unreadable for good."""
        lost = [name for name in recorded if name not in KINDS and name not in known]
        lost += [name for name in lacking if KINDS[name].guards_data and (not KINDS[name].recorded or name in recorded)]
        others = [name for name, found in fingerprints(known).items() if recorded.get(name, found) != found]
        if not (lost or others) or not (data := self._data()):
            return
        which = f"keys that {self._store.file} lacks: {', '.join(lost)}"
        if not lost:
            which = f"other keys than {self._store.file} has: {', '.join(others)}"
        raise Refusal(
            f"{' and '.join(data)} can only be read with {which}",
            f"restore that file from your backup; to start over without the data: {_removal(data)}",
        )

    def _apply(self, plan: SecretsPlan) -> None:
        # The source of truth is written first: nothing may be in use that is not safe on disk.
        if plan.rewrites_store:
            self._store.save(plan.values)
        if plan.rewrites_record:
            self._record.save(plan.values)
        if self._leaves_vault():
            self._link.unlink()
        apply_changes(self._folder, plan.changes)
        # This comes after the line itself. If a run is cut off in between, the line is still known as ours by its password.
        if plan.rewrites_line_record:
            plan.accounts.record.save(self._line_record_file)
        if plan.moves_folder and self._folder != self._link:
            _replace_by_link(self._link, self._folder)

    def _leaves_vault(self) -> bool:
        return self._folder == self._link and self._link.is_symlink()

    def _is_elsewhere(self) -> bool:
        if self._folder == self._link:
            return self._leaves_vault()
        return not self._link.is_symlink() or self._link.readlink() != self._folder

    def _outcome(self, plan: SecretsPlan) -> Outcome:
        before: dict[str, str] = {}
        if plan.rewrites_store:
            before["secrets.json"] = _store_reason(plan)
        if plan.rewrites_record:
            before["key-fingerprints.json"] = "not those of the keys"
        before |= {f"secrets/{change.file.name}": change.reason for change in plan.changes}
        if plan.rewrites_line_record:
            before["operator-line.json"] = "not what became of the operator's line"
        if plan.moves_folder:
            before["secrets"] = f"not in {self._folder}"
        line = plan.accounts.record.state
        return Outcome(
            changed=not plan.is_empty,
            before="".join(f"{name}: {reason}\n" for name, reason in before.items()),
            after="".join(f"{name}: as wanted\n" for name in before),
            facts={
                "names": sorted(plan.values),
                "generated": plan.generated,
                "key_fingerprint": key_fingerprint(plan.values),
                "operator_password_file": self._env.path("secrets", "operator_password"),
                "operator_line": line,
            },
            warnings=[warning(self._env, line)] if line not in (KEPT, plan.line_record.state) else [],
        )


def _removal(data: Sequence[str]) -> str:
    for thing in data:
        if thing.startswith("volume "):
            return f"run {playbook('teardown', durable_db_confirm=thing.removeprefix('volume '))}"
    return f"remove {' and '.join(data)}"


def _store_reason(plan: SecretsPlan) -> str:
    lacking = [name for name in plan.generated if name not in plan.renewed]
    reasons = [f"lacks {', '.join(lacking)}"] if lacking else []
    reasons += [f"gets a new {', '.join(plan.renewed)}"] if plan.renewed else []
    reasons += [f"still holds {', '.join(plan.expired)}"] if plan.expired else []
    return "; ".join(reasons) or "readable by others, or not encrypted"


def _replace_by_link(link: Path, target: Path) -> None:
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_directory(link.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
