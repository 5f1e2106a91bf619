from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import EXPIRES_AFTER_SECONDS, Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights

OURSELVES = ProcessIdentity.of(os.getpid())
ELSEWHERE = ProcessIdentity("another machine", "laptop", 4711, 1)


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("test", str(tmp_path))
    routes = NginxRoutes(env.path("routes"))
    routes.initialise()
    routes.commit(routes.prepare(Weights.all_to("blue")))
    return env


@pytest.fixture
def lease(env: Environment) -> ReleaseLease:
    return ReleaseLease(env)


def a_run(operation: str = "deploy", run: str = "", process: ProcessIdentity = OURSELVES) -> Lease:
    return Lease(0, run or operation, "kim", operation, process)


def let_time_pass(lease: ReleaseLease, seconds: float) -> None:
    """As if the lease had last been renewed so long ago."""
    lease._write(replace(lease.read(), renewed=(datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()))


def test_each_lease_has_a_higher_number_and_the_routing_table_knows_it(env: Environment, lease: ReleaseLease) -> None:
    routes = NginxRoutes(env.path("routes"))
    for number in (1, 2, 3):
        assert lease.take(a_run(run=str(number))).number == number
        assert routes.highest_fencing_number() == number
        assert lease.give_back(number, str(number))
    with pytest.raises(Refusal, match="fencing number 2 is outdated, 3 was here already"):
        routes.commit(routes.prepare(Weights.all_to("green")), 2)


def test_its_number_is_higher_than_any_that_the_routing_table_was_told(env: Environment, lease: ReleaseLease) -> None:
    NginxRoutes(env.path("routes")).fence(41)
    assert lease.take(a_run()).number == 42


def test_whoever_comes_second_is_told_who_has_it_and_what_to_do(lease: ReleaseLease) -> None:
    lease.take(a_run("deploy"))
    with pytest.raises(Refusal) as told:
        lease.take(a_run("promote"))
    since = lease.read().since[11:19]
    assert told.value.cause == f"deploy by kim@{OURSELVES.host} (process {os.getpid()}) since {since} UTC has environment test"
    assert told.value.remedy == "wait for its end with -e wait=60, or end that run; `playbooks/rollback.yml` need not wait"
    with pytest.raises(Refusal, match="deploy by kim"):
        lease.look("promote", "promote")


def test_who_waits_gets_it_when_it_is_given_back(lease: ReleaseLease) -> None:
    first = lease.take(a_run("deploy")).number
    waiting = threading.Timer(0.3, lease.give_back, (first, "deploy"))
    waiting.start()
    assert lease.take(a_run("promote"), wait=30).number == first + 1
    waiting.join()


def test_who_waits_in_vain_is_told(lease: ReleaseLease) -> None:
    lease.take(a_run("deploy"))
    with pytest.raises(Refusal, match=r"still has environment test after 0\.1 s"):
        lease.take(a_run("promote"), wait=0.1)


def test_a_run_whose_process_has_ended_is_taken_over_at_once(lease: ReleaseLease) -> None:
    process = subprocess.Popen(["sleep", "60"])
    lease.take(a_run("deploy", process=ProcessIdentity.of(process.pid)))
    with pytest.raises(Refusal):
        lease.take(a_run("promote"))
    process.kill()
    process.wait()
    assert lease.take(a_run("promote")).taken_over.startswith("deploy by kim@")


def test_another_process_with_the_same_number_is_not_taken_for_the_holder(lease: ReleaseLease) -> None:
    lease.take(a_run("deploy", process=replace(OURSELVES, started=OURSELVES.started - 1)))
    assert lease.take(a_run("promote")).taken_over


def test_a_run_on_another_machine_has_ended_when_it_is_not_heard_of(lease: ReleaseLease) -> None:
    lease.take(a_run("deploy", process=ELSEWHERE))
    let_time_pass(lease, EXPIRES_AFTER_SECONDS - 5)
    with pytest.raises(Refusal, match=r"deploy by kim@laptop \(process 4711\)"):
        lease.take(a_run("promote"))
    let_time_pass(lease, EXPIRES_AFTER_SECONDS + 1)
    assert lease.take(a_run("promote")).taken_over


def test_or_when_its_own_machine_says_so(lease: ReleaseLease) -> None:
    lease.take(a_run("deploy", process=ELSEWHERE))
    with pytest.raises(Refusal) as told:
        lease.take(a_run("promote", process=ELSEWHERE))
    assert lease.take(a_run("promote", process=ELSEWHERE), ended_run=told.value.facts["held_by"]["run"]).taken_over


def test_a_long_step_keeps_the_lease_of_a_run_on_another_machine(lease: ReleaseLease) -> None:
    number = lease.take(a_run("deploy", process=ELSEWHERE)).number
    let_time_pass(lease, EXPIRES_AFTER_SECONDS - 1)
    with lease.kept(number):
        assert lease.read().seconds_since_renewal(datetime.now(UTC)) < 5


def test_a_later_play_of_the_same_run_keeps_its_number(lease: ReleaseLease) -> None:
    number = lease.take(a_run("setup", run="one")).number
    assert lease.take(a_run("deploy", run="one")).number == number
    assert lease.read().operation == "deploy"


def test_a_rollback_stops_a_release_and_its_next_step_refuses(env: Environment, lease: ReleaseLease) -> None:
    stopped = lease.take(a_run("deploy")).number
    taken = lease.take(a_run("rollback"))
    assert taken.fenced_off.startswith("deploy by kim@")
    with pytest.raises(
        Refusal, match=rf"this run has lost environment test: rollback by kim.* \(lease {taken.number}, this run had {stopped}\)"
    ):
        lease.confirm(stopped)
    with pytest.raises(Refusal, match="is outdated"):
        NginxRoutes(env.path("routes")).refuse_outdated(stopped)
    assert not lease.give_back(stopped, "deploy")
    lease.confirm(taken.number)


def test_a_rollback_waits_for_a_rollback(lease: ReleaseLease) -> None:
    lease.take(a_run("rollback", run="one"))
    with pytest.raises(Refusal) as told:
        lease.take(a_run("rollback", run="two"))
    assert "need not wait" not in told.value.remedy


@pytest.mark.parametrize("operation", ["restore", "upgrade", "setup", "rotate_secrets", "promote_replica"])
def test_a_rollback_goes_beside_whoever_works_on_the_data(lease: ReleaseLease, operation: str) -> None:
    number = lease.take(a_run(operation)).number
    taken = lease.take(a_run("rollback"))
    assert (taken.number, taken.fenced_off) == (number, "")
    assert taken.beside.startswith(f"{operation} by kim@")
    assert not lease.give_back(number, "rollback")
    lease.confirm(number)


@pytest.mark.parametrize("goes_on", [True, False], ids=["beside the restore still", "after it"])
def test_a_rollback_beside_a_restore_that_was_cut_off_is_recorded_by_the_next_run(
    env: Environment, lease: ReleaseLease, goes_on: bool
) -> None:
    Ledger(Path(env.path("ledger.jsonl"))).append(new_entry("promoted", "green", "0.1.0-new", {}))
    number = lease.take(a_run("restore")).number
    lease.take(a_run("rollback"))
    # It moved traffic, and was cut off before it said so.
    routes = NginxRoutes(env.path("routes"))
    routes.commit(routes.prepare(Weights.all_to("blue")), number)
    if not goes_on:
        assert lease.give_back(number, "restore")
    assert lease.take(a_run("rollback", run="again")).recorded == ("rolled_back blue",)
    assert [entry["event"] for entry in Ledger(Path(env.path("ledger.jsonl"))).entries()] == ["promoted", "rolled_back"]


def test_nobody_takes_it_from_a_run_while_that_writes_the_ledger(lease: ReleaseLease) -> None:
    number = lease.take(a_run("promote")).number
    taken: list[int] = []
    rollback = threading.Thread(target=lambda: taken.append(lease.take(a_run("rollback")).number))
    with lease.held(number):
        rollback.start()
        rollback.join(0.3)
        assert not taken
    rollback.join()
    assert taken == [number + 1]
    with pytest.raises(Refusal, match="lost environment test"), lease.held(number):
        pass


def test_before_an_environment_is_set_up_there_is_no_routing_table(tmp_path: Path) -> None:
    assert ReleaseLease(environment("test", str(tmp_path))).take(a_run("setup")).number == 1
    assert not (tmp_path / "test" / "routes").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"number": 1, "unknown": 2})])
def test_a_damaged_lease_is_named(tmp_path: Path, content: str) -> None:
    lease = ReleaseLease(environment("test", str(tmp_path)))
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "lease.json").write_text(content)
    with pytest.raises(Refusal, match=r"lease\.json cannot be understood .* then remove that file"):
        lease.take(a_run())
