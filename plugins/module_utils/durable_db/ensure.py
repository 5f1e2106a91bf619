"""The durable database of an environment: decide what its wanted state takes, then do it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import PREPARE_FIRST, DatabaseBackend, Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database.login import Login
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock


class DatabaseStep(enum.Enum):
    CREATE_DATA = "create volume"
    OPEN_DATA = "open volume"
    CONFIGURE = "write configuration"
    CREATE = "create server"
    RECREATE = "recreate server"
    START = "start server"
    RELOAD_CERTIFICATE = "reload certificate"
    APPLY_ACCOUNTS = "apply accounts"
    AWAIT_READY = "await login"
    BACK_UP = "back up"
    STOP = "stop server"
    REMOVE = "remove server"
    REMOVE_DATA = "remove volume"
    REMOVE_KEYS = "remove keys"


# A warning shows this many of the differences; the module's answer has all of them.
_SHOWN_DIFFERENCES = 4


@dataclass(frozen=True)
class WantedDatabase:
    state: str
    key_fingerprint: str = ""
    confirm: str = ""
    final_backup: bool = True
    recreate: str = "when_safe"
    # The name of another engine's volume, by which a user says that they know of it.
    beside: str = ""


@dataclass(frozen=True)
class Plan:
    steps: tuple[DatabaseStep, ...]
    server: Server
    data: bool
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether the plan changes anything. Waiting for a server that is just coming up does not."""
        return any(step is not DatabaseStep.AWAIT_READY for step in self.steps)


def plan(wanted: WantedDatabase, observed: Observed, data_name: str) -> Plan:
    if wanted.state == "present":
        return _plan_present(wanted, observed, data_name)
    if wanted.state == "stopped":
        running = observed.server is Server.RUNNING
        return Plan((DatabaseStep.STOP,) if running else (), Server.STOPPED if running else observed.server, _has_data(observed))
    return _plan_absent(wanted, observed, data_name)


def _plan_present(wanted: WantedDatabase, observed: Observed, data_name: str) -> Plan:
    _refuse_other_keys(wanted, observed, data_name)
    if observed.other_major:
        raise Refusal(
            observed.other_major,
            f"{playbook('upgrade')} goes up to another major; durable_db_version in the inventory keeps the one there is",
        )
    _refuse_other_engine(wanted, observed)
    steps: list[DatabaseStep] = [DatabaseStep.OPEN_DATA] * observed.data_closed
    warnings = [f"volume {name} of another engine exists: its data stay, and this database does not have them" for name in observed.others]
    warnings += observed.troubles
    apply = _applies_drift(wanted, observed)
    if observed.drift and not apply:
        warnings.append(_warning_of_drift(wanted, observed))
    if observed.server is Server.MISSING:
        # The volume is made after everything that can fail for want of space or permission.
        steps += [DatabaseStep.CONFIGURE, *([] if _has_data(observed) else [DatabaseStep.CREATE_DATA]), DatabaseStep.CREATE]
    elif apply or observed.broken:
        steps += [DatabaseStep.CONFIGURE] * (apply or not observed.drift) + [DatabaseStep.RECREATE]
    else:
        steps += [DatabaseStep.CONFIGURE] * observed.files_outdated
        if observed.server is Server.STOPPED:
            steps.append(DatabaseStep.START)
        else:
            steps += [DatabaseStep.RELOAD_CERTIFICATE] * observed.certificate_outdated
            steps += [DatabaseStep.APPLY_ACCOUNTS] * observed.accounts_outdated
    if steps or observed.login is None:
        steps.append(DatabaseStep.AWAIT_READY)
    _refuse_port(steps, observed)
    return Plan(tuple(steps), Server.RUNNING, True, tuple(warnings))


def _applies_drift(wanted: WantedDatabase, observed: Observed) -> bool:
    may_restart = wanted.recreate == "always" or (wanted.recreate == "when_safe" and observed.server is Server.STOPPED)
    return bool(observed.drift) and may_restart


def _warning_of_drift(wanted: WantedDatabase, observed: Observed) -> str:
    shown = "; ".join(observed.drift[:_SHOWN_DIFFERENCES])
    more = f" and {len(observed.drift) - _SHOWN_DIFFERENCES} more" if len(observed.drift) > _SHOWN_DIFFERENCES else ""
    next_start = ", and so does its next start" if wanted.recreate == "when_safe" else ""
    return (
        f"the database was made from another configuration and was left as it is ({shown}{more});"
        f" {playbook('setup_durable', durable_db_recreate='always')} restarts it with the new one{next_start}"
    )


def _plan_absent(wanted: WantedDatabase, observed: Observed, data_name: str) -> Plan:
    if wanted.confirm not in ("", data_name):
        raise Refusal(
            f"durable_db_confirm is '{wanted.confirm}', the volume is {data_name}: nothing was changed",
            f"{playbook('teardown', durable_db_confirm=data_name)} deletes the data for good; without that name they stay",
        )
    delete = bool(wanted.confirm)
    server = observed.server
    steps: list[DatabaseStep] = []
    warnings = []
    if delete and _has_data(observed) and wanted.final_backup:
        steps += [DatabaseStep.OPEN_DATA] * observed.data_closed
        if server is Server.MISSING or observed.broken:
            steps += [DatabaseStep.CONFIGURE, DatabaseStep.CREATE]
        elif server is Server.STOPPED:
            steps.append(DatabaseStep.START)
        _refuse_port(steps, observed)
        server = Server.RUNNING
        steps += [DatabaseStep.AWAIT_READY, DatabaseStep.BACK_UP]
    if server is Server.RUNNING:
        steps.append(DatabaseStep.STOP)
    if server is not Server.MISSING or observed.companions:
        steps.append(DatabaseStep.REMOVE)
    if delete:
        steps += [DatabaseStep.REMOVE_DATA] * _has_data(observed)
        if observed.keys and not observed.keys_needed_by:
            steps.append(DatabaseStep.REMOVE_KEYS)
        elif observed.keys:
            warnings.append(f"the environment's keys stay, since nobody could read without them: {', '.join(observed.keys_needed_by)}")
    return Plan(tuple(steps), Server.MISSING, _has_data(observed) and not delete, tuple(warnings))


def _has_data(observed: Observed) -> bool:
    return observed.data_fingerprint is not None


def _refuse_other_keys(wanted: WantedDatabase, observed: Observed, data_name: str) -> None:
    if _has_data(observed) and wanted.key_fingerprint and observed.data_fingerprint != wanted.key_fingerprint:
        raise Refusal(
            f"volume {data_name} was made with other keys"
            f" (fingerprint {observed.data_fingerprint}) than this environment has now ({wanted.key_fingerprint})",
            "restore the environment's secrets.json from its backup, or delete the data:"
            f" {playbook('teardown', durable_db_confirm=data_name)}",
        )


def _refuse_other_engine(wanted: WantedDatabase, observed: Observed) -> None:
    if observed.others and not _has_data(observed) and wanted.beside not in observed.others:
        raise Refusal(
            f"this environment has its data in volume {observed.others[0]}, of another engine, and would begin anew with an empty database",
            "set echobase_engine as it was;"
            f" {playbook('setup_durable', durable_db_beside=observed.others[0])} makes an empty database beside it",
        )


def _refuse_port(steps: list[DatabaseStep], observed: Observed) -> None:
    if observed.port_conflict and {DatabaseStep.CREATE, DatabaseStep.RECREATE, DatabaseStep.START} & set(steps):
        raise Refusal(
            f"the database's {observed.port_conflict}",
            "stop that, or give the database another port in echobase_ports, then run this again",
        )


@dataclass
class DurableDb:
    backend: DatabaseBackend
    backup: FinalBackup
    environment: str
    wait_timeout: float
    _login: Login | None = field(default=None, init=False)
    _backup_folder: str | None = field(default=None, init=False)

    def ensure(self, wanted: WantedDatabase, check_mode: bool) -> Outcome:
        if check_mode:
            observed = self.backend.observe(present=wanted.state == "present")
            return self._outcome(observed, plan(wanted, observed, self.backend.data_name))
        with database_server_lock(self.environment):
            observed = self.backend.observe(present=wanted.state == "present")
            decided = plan(wanted, observed, self.backend.data_name)
            self._refuse_unprepared(wanted, observed, decided)
            for step in decided.steps:
                self._apply(step, wanted)
            return self._outcome(observed, decided)

    def _refuse_unprepared(self, wanted: WantedDatabase, observed: Observed, decided: Plan) -> None:
        """Refuses where something is missing. Check mode does not ask: there the roles have not prepared these things either."""
        missing = (
            list(observed.missing)
            if {DatabaseStep.CREATE, DatabaseStep.RECREATE, DatabaseStep.START, DatabaseStep.BACK_UP} & set(decided.steps)
            else []
        )
        if DatabaseStep.CREATE_DATA in decided.steps and not wanted.key_fingerprint:
            missing.append("the fingerprint of the environment's keys")
        if missing:
            remedy = PREPARE_FIRST
            if DatabaseStep.BACK_UP in decided.steps:
                remedy = (
                    f"the final backup needs a running server: {playbook('setup_durable')} brings it back;"
                    " with durable_db_final_backup=false there is none"
                )
            raise Refusal(f"the database cannot run without: {', '.join(missing)}", remedy)

    def _apply(self, step: DatabaseStep, wanted: WantedDatabase) -> None:
        backend = self.backend
        match step:
            case DatabaseStep.OPEN_DATA:
                backend.open_data()
            case DatabaseStep.CREATE_DATA:
                backend.create_data(wanted.key_fingerprint)
            case DatabaseStep.AWAIT_READY:
                self._login = backend.await_ready(self.wait_timeout)
            case DatabaseStep.BACK_UP:
                self._backup_folder = str(self.backup.take(backend.dump, backend.dump_trailer))
            case _:
                self._plain_steps[step]()

    @property
    def _plain_steps(self) -> dict[DatabaseStep, Callable[[], None]]:
        backend = self.backend
        return {
            DatabaseStep.OPEN_DATA: backend.open_data,
            DatabaseStep.CONFIGURE: backend.write_configuration,
            DatabaseStep.CREATE: backend.create_server,
            DatabaseStep.RECREATE: backend.create_server,
            DatabaseStep.START: backend.start_server,
            DatabaseStep.RELOAD_CERTIFICATE: backend.reload_certificate,
            DatabaseStep.APPLY_ACCOUNTS: backend.apply_accounts,
            DatabaseStep.STOP: backend.stop_server,
            DatabaseStep.REMOVE: backend.remove_server,
            DatabaseStep.REMOVE_DATA: backend.remove_data,
            DatabaseStep.REMOVE_KEYS: backend.remove_keys,
        }

    def _outcome(self, observed: Observed, decided: Plan) -> Outcome:
        backend = self.backend
        login = None if decided.server is not Server.RUNNING else self._login or observed.login
        configured = DatabaseStep.CONFIGURE in decided.steps
        keys = observed.keys and DatabaseStep.REMOVE_KEYS not in decided.steps
        return Outcome(
            changed=decided.changes,
            before=self._picture(observed.server, _has_data(observed), observed.keys, observed.configuration),
            after=self._picture(decided.server, decided.data, keys, backend.configuration if configured else observed.configuration),
            facts={
                "container": backend.server_name,
                "volume": backend.data_name,
                **backend.endpoint,
                "state_before": observed.server.value,
                "state_after": decided.server.value,
                "steps": [step.value for step in decided.steps],
                "drift": list(observed.drift),
                "ready": login is not None,
                "version": login.version if login else "",
                "tls_cipher": login.tls_cipher if login else "",
                "backup": self._backup_folder,
                "keys_removed": DatabaseStep.REMOVE_KEYS in decided.steps,
            },
            warnings=list(decided.warnings),
        )

    def _picture(self, server: Server, data: bool, keys: bool, configuration: dict[str, Any]) -> dict[str, Any]:
        return {"server": server.value, "volume": self.backend.data_name if data else None, "keys": keys, "configuration": configuration}
