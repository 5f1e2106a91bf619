from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database.login import Login
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DatabaseStep, Plan, WantedDatabase, plan

VOLUME = "echobase-test-durable-mariadb-data"
KEYS = "feedc0de"
LOGIN = Login("11.8.6", "TLS_AES_256_GCM_SHA384", b"certificate")

DRIFT = ("my.cnf.max_connections: 200 -> 300",)

NOTHING = Observed(Server.MISSING, keys=True)
DATA_ONLY = Observed(Server.MISSING, data_fingerprint=KEYS, keys=True)
STOPPED = Observed(Server.STOPPED, data_fingerprint=KEYS, keys=True)
RUNNING = Observed(Server.RUNNING, data_fingerprint=KEYS, keys=True, login=LOGIN)


def but(observed: Observed, **changes: object) -> Observed:
    return Observed(**{**vars(observed), **changes})


def decide(observed: Observed, state: str = "present", **wanted: object) -> Plan:
    return plan(WantedDatabase(**{"state": state, "key_fingerprint": KEYS, **wanted}), observed, VOLUME)


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        (NOTHING, [DatabaseStep.CONFIGURE, DatabaseStep.CREATE_DATA, DatabaseStep.CREATE, DatabaseStep.AWAIT_READY]),
        (DATA_ONLY, [DatabaseStep.CONFIGURE, DatabaseStep.CREATE, DatabaseStep.AWAIT_READY]),
        (STOPPED, [DatabaseStep.START, DatabaseStep.AWAIT_READY]),
        (but(STOPPED, drift=DRIFT), [DatabaseStep.CONFIGURE, DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY]),
        (but(STOPPED, broken=True), [DatabaseStep.CONFIGURE, DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY]),
        (RUNNING, []),
        (but(RUNNING, login=None), [DatabaseStep.AWAIT_READY]),
        (but(RUNNING, certificate_outdated=True), [DatabaseStep.RELOAD_CERTIFICATE, DatabaseStep.AWAIT_READY]),
        (but(RUNNING, drift=DRIFT), []),
        (but(RUNNING, accounts_outdated=True, login=None), [DatabaseStep.APPLY_ACCOUNTS, DatabaseStep.AWAIT_READY]),
        (but(RUNNING, files_outdated=True), [DatabaseStep.CONFIGURE, DatabaseStep.AWAIT_READY]),
        (but(STOPPED, files_outdated=True), [DatabaseStep.CONFIGURE, DatabaseStep.START, DatabaseStep.AWAIT_READY]),
        # Its network was made anew: nobody reaches it.
        (but(RUNNING, broken=True), [DatabaseStep.CONFIGURE, DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY]),
    ],
)
def test_present_takes_what_is_missing(observed: Observed, steps: list[DatabaseStep]) -> None:
    decided = decide(observed)
    assert list(decided.steps) == steps
    assert decided.server is Server.RUNNING
    assert decided.data


def test_waiting_for_a_server_that_comes_up_is_no_change() -> None:
    assert not decide(but(RUNNING, login=None)).changes
    assert decide(STOPPED).changes


def test_a_running_server_is_recreated_only_when_told() -> None:
    drifted = but(RUNNING, drift=DRIFT)
    assert decide(drifted).warnings
    assert not decide(drifted).changes
    assert decide(drifted, recreate="always").steps == (DatabaseStep.CONFIGURE, DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY)
    assert not decide(drifted, recreate="always").warnings


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        (but(RUNNING, drift=DRIFT), []),
        (but(STOPPED, drift=DRIFT), [DatabaseStep.START, DatabaseStep.AWAIT_READY]),
        (but(STOPPED, drift=DRIFT, broken=True), [DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY]),
        (but(RUNNING, drift=DRIFT, broken=True), [DatabaseStep.RECREATE, DatabaseStep.AWAIT_READY]),
    ],
)
def test_never_starts_a_server_as_it_was_made_and_says_so(observed: Observed, steps: list[DatabaseStep]) -> None:
    decided = decide(observed, recreate="never")
    assert list(decided.steps) == steps
    assert [warning for warning in decided.warnings if DRIFT[0] in warning and "next start" not in warning]


def test_of_many_differences_a_warning_shows_the_first() -> None:
    [warning] = decide(but(RUNNING, drift=tuple(f"difference {number}" for number in range(9)))).warnings
    assert "difference 3 and 5 more" in warning


def test_data_of_another_engine_are_told() -> None:
    decided = decide(but(RUNNING, others=("echobase-test-durable-postgres-data",)))
    assert "echobase-test-durable-postgres-data" in decided.warnings[0]
    assert not decided.changes


def test_an_empty_database_beside_data_of_another_engine_takes_their_name() -> None:
    other = "echobase-test-durable-postgres-data"
    beginning = but(NOTHING, others=(other,))
    for typed in ("", "yes", VOLUME):
        with pytest.raises(Refusal, match=f"has its data in volume {other}, of another engine"):
            decide(beginning, beside=typed)
    assert DatabaseStep.CREATE_DATA in decide(beginning, beside=other).steps
    assert DatabaseStep.CREATE_DATA not in decide(but(DATA_ONLY, others=(other,))).steps


@pytest.mark.parametrize("observed", [DATA_ONLY, STOPPED, RUNNING])
def test_data_of_other_keys_are_refused(observed: Observed) -> None:
    with pytest.raises(Refusal, match=f"{VOLUME} was made with other keys"):
        decide(but(observed, data_fingerprint="0ther"))


@pytest.mark.parametrize("observed", [NOTHING, STOPPED])
def test_a_taken_port_is_refused(observed: Observed) -> None:
    with pytest.raises(Refusal, match=r"port 3308 is taken by process 12 \(nc\)"):
        decide(but(observed, port_conflict="port 3308 is taken by process 12 (nc)"))


@pytest.mark.parametrize(
    ("observed", "steps", "after"),
    [(NOTHING, [], Server.MISSING), (STOPPED, [], Server.STOPPED), (RUNNING, [DatabaseStep.STOP], Server.STOPPED)],
)
def test_stopped(observed: Observed, steps: list[DatabaseStep], after: Server) -> None:
    decided = decide(observed, "stopped")
    assert (list(decided.steps), decided.server) == (steps, after)


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        (NOTHING, []),
        (DATA_ONLY, []),
        (STOPPED, [DatabaseStep.REMOVE]),
        (RUNNING, [DatabaseStep.STOP, DatabaseStep.REMOVE]),
        (but(DATA_ONLY, companions=True), [DatabaseStep.REMOVE]),
    ],
)
def test_absent_keeps_the_data_and_the_keys(observed: Observed, steps: list[DatabaseStep]) -> None:
    decided = decide(observed, "absent")
    assert list(decided.steps) == steps
    assert decided.data == (observed.data_fingerprint is not None)


GONE = [DatabaseStep.STOP, DatabaseStep.REMOVE, DatabaseStep.REMOVE_DATA, DatabaseStep.REMOVE_KEYS]


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        (RUNNING, [DatabaseStep.AWAIT_READY, DatabaseStep.BACK_UP, *GONE]),
        (STOPPED, [DatabaseStep.START, DatabaseStep.AWAIT_READY, DatabaseStep.BACK_UP, *GONE]),
        (DATA_ONLY, [DatabaseStep.CONFIGURE, DatabaseStep.CREATE, DatabaseStep.AWAIT_READY, DatabaseStep.BACK_UP, *GONE]),
        (NOTHING, [DatabaseStep.REMOVE_KEYS]),
        (but(NOTHING, keys=False), []),
    ],
)
def test_the_typed_name_deletes_data_and_keys_after_a_backup(observed: Observed, steps: list[DatabaseStep]) -> None:
    decided = decide(observed, "absent", confirm=VOLUME)
    assert list(decided.steps) == steps
    assert not decided.data


def test_keys_stay_while_something_needs_them() -> None:
    decided = decide(but(RUNNING, keys_needed_by=("the backups in /srv/test/backups/mariadb",)), "absent", confirm=VOLUME)
    assert DatabaseStep.REMOVE_DATA in decided.steps
    assert DatabaseStep.REMOVE_KEYS not in decided.steps
    assert "the backups in /srv/test/backups/mariadb" in decided.warnings[0]


@pytest.mark.parametrize(("observed", "steps"), [(RUNNING, GONE), (STOPPED, GONE[1:]), (DATA_ONLY, GONE[2:])])
def test_without_a_backup_if_told_so(observed: Observed, steps: list[DatabaseStep]) -> None:
    assert list(decide(observed, "absent", confirm=VOLUME, final_backup=False).steps) == steps


@pytest.mark.parametrize("observed", [NOTHING, DATA_ONLY, STOPPED, RUNNING])
def test_a_wrong_name_deletes_nothing_and_shows_the_right_one(observed: Observed) -> None:
    with pytest.raises(Refusal, match=f"durable_db_confirm={VOLUME}"):
        decide(observed, "absent", confirm="echobase-devlocal-durable-mariadb-data")


def test_keys_that_do_not_fit_do_not_keep_data_from_being_deleted() -> None:
    assert DatabaseStep.REMOVE_DATA in decide(but(RUNNING, data_fingerprint="0ther"), "absent", confirm=VOLUME, final_backup=False).steps
