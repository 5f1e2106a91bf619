"""A restore beside the served data, and the swap, on real servers of both engines; killed wherever it can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import psycopg
import pymysql
import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore
from harness.durable_under_test import DurableUnderTest
from harness.killed_runs import killed_at

pytestmark = pytest.mark.long

_ENGINES = ("mariadb", "postgresql")
OLD, NEW = "000001", "000002"


@pytest.fixture(scope="module", params=_ENGINES)
def database(
    request: pytest.FixtureRequest, engine_client: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DurableUnderTest]:
    """The tests below go through its life, one after the other."""
    database = DurableUnderTest.prepared(engine_client, request.param, tmp_path_factory.mktemp("home"), 11 + _ENGINES.index(request.param))
    database.remove()
    try:
        database.create()
        yield database
    finally:
        database.remove()


def restore(database: DurableUnderTest, state: str = "built", to: str = "latest", confirm: str = "", check: bool = False) -> Outcome:
    return DatabaseRestore(database.docker, database.env, database.engine, database.tool, Progress(None)).run(state, to, confirm, check)


def go_live(database: DurableUnderTest) -> Outcome:
    return restore(database, "live", confirm=database.names.volume)


def killed(database: DurableUnderTest, at: str, state: str, to: str = "") -> None:
    def run(death: Callable[[str], None]) -> None:
        database.docker = docker.DockerClient.from_env(timeout=600)
        doomed = DatabaseRestore(database.docker, database.env, database.engine, database.tool, Progress(None), reached=death)
        doomed.run(state, to, database.names.volume, check_mode=False)

    killed_at(at, run)


def test_an_empty_repository_says_so(database: DurableUnderTest) -> None:
    with pytest.raises(Refusal, match="there is no backup"):
        restore(database)
    with pytest.raises(Refusal, match="nothing is built that could go live"):
        go_live(database)


def test_a_restore_is_built_beside_what_is_served(database: DurableUnderTest) -> None:
    database.accept("first")
    database.back_up()
    database.accept("second")
    between = database.moment_between()
    database.accept("third", "fourth")
    database.tool.archive_now()

    foretold = restore(database, to=between, check=True)
    assert (foretold.changed, foretold.facts["generation"], foretold.facts["step"]) == (True, NEW, "built")
    assert database.volume.generations().kept == (OLD,)

    built = restore(database, to=between)
    assert (built.facts["step"], built.facts["generation"], built.facts["previous"], built.facts["rows"]) == ("built", NEW, OLD, 2)
    assert built.facts["discarded"] == 2
    assert [line.split()[0] for line in built.facts["discarded_newest"]] == ["fourth", "third"]
    assert len(Path(built.facts["discarded_file"]).read_text().splitlines()) == 2
    assert database.orders() == ["first", "second", "third", "fourth"]
    assert restore(database, to=between).changed is False
    assert database.leftovers() == []


def test_it_takes_over_only_when_the_volume_is_named(database: DurableUnderTest) -> None:
    for wrong in ("", "yes", OLD):
        with pytest.raises(Refusal, match="discards 2 orders"):
            restore(database, "live", confirm=wrong)
    assert database.volume.generations().current == OLD


def test_it_takes_over_while_the_application_writes(database: DurableUnderTest) -> None:
    """What was accepted after it was built is in the list of what is lost, and nothing is accepted that is on no list."""
    accepted: list[str] = []
    writer = threading.Thread(target=database.accept_until_refused, args=(accepted,))
    writer.start()
    live = go_live(database)
    writer.join()
    assert (live.changed, live.facts["step"]) == (True, "live")
    assert database.orders() == ["first", "second"]
    listed = {line.split("\t")[0] for line in Path(live.facts["discarded_file"]).read_text().splitlines()}
    assert {"third", "fourth", *accepted} <= listed
    # The last one may have been committed, and its answer lost with the connection.
    assert listed <= {"third", "fourth", *accepted, f"late-{len(accepted)}"}
    assert go_live(database).changed is False
    generations = database.volume.generations()
    assert (generations.current, generations.kept) == (NEW, (OLD, NEW))


def test_after_the_swap_the_backups_go_on(database: DurableUnderTest) -> None:
    database.accept("fifth")
    taken = database.back_up("full")
    found = restorable(database.env, database.engine, database.tool)
    assert (found.problem, found.proved_by) == ("", taken.facts["backup"])


def test_the_way_back_lists_what_it_costs_and_is_open(database: DurableUnderTest) -> None:
    with pytest.raises(Refusal, match=f"the way back is a restore, too: `playbooks/restore.yml -e restore_to={OLD}`"):
        restore(database, "abandoned")
    back = restore(database, to=OLD)
    assert [line.split()[0] for line in back.facts["discarded_newest"]] == ["fifth"]
    go_live(database)
    orders = database.orders()
    assert orders[:4] == ["first", "second", "third", "fourth"]
    assert "fifth" not in orders
    assert database.volume.generations().current == OLD


# The steps are the same for both engines: of one of them each, of the other enough to see that it can follow.
every_step = pytest.mark.engines("postgresql")


# Between each two of them something has been done that the other one knows nothing of.
@pytest.mark.parametrize(
    "step",
    [
        pytest.param("closing", marks=every_step),
        "closed",
        pytest.param("swapping", marks=every_step),
        pytest.param("stopped", marks=every_step),
        "swapped",
        pytest.param("started", marks=every_step),
        pytest.param("opened", marks=every_step),
    ],
)
def test_killed_at_any_step_it_goes_on_or_back(database: DurableUnderTest, step: str) -> None:
    now = database.volume.generations().current
    other = NEW if now == OLD else OLD
    restore(database, to=other)
    killed(database, step, "live")
    if step in ("closed", "stopped", "started"):
        # What cannot be used until it is ended says how.
        with pytest.raises(Refusal, match="was cut off while"):
            restore(database, to="latest")
        restore(database, "abandoned")
        assert database.volume.generations().current == now
        assert restore(database, "abandoned").changed is False
    else:
        assert restore(database, to=other).changed is False
        go_live(database)
        assert database.volume.generations().current == other
    order = f"after-{step}"
    database.accept(order)
    assert order in database.orders()
    assert database.volume.generations().kept == (OLD, NEW)


@pytest.mark.parametrize("step", [pytest.param("building", marks=every_step), pytest.param("tried", marks=every_step), "settled"])
def test_killed_while_it_is_built_nothing_is_left_of_it(database: DurableUnderTest, step: str) -> None:
    now = database.volume.generations().current
    killed(database, step, "built", "latest")
    assert database.volume.generations().current == now
    restore(database, "abandoned")
    generations = database.volume.generations()
    assert (generations.kept, generations.unfinished) == ((OLD, NEW), ())


def test_a_damaged_newest_backup_is_passed_over_and_it_says_so(database: DurableUnderTest) -> None:
    good = database.back_up("full").facts["backup"]
    before = database.repository_files()
    bad = database.back_up("full", verify=False).facts["backup"]
    database.damage(bad, before)
    database.accept("last")
    built = restore(database)
    assert built.facts["backup"] == good, built.warnings
    assert any(f"an older backup had to do, for {bad}: " in warning for warning in built.warnings)
    assert built.facts["discarded"] == 0
    assert restore(database, "abandoned").changed
    # A later backup would read it, and complain.
    database.tool.expire([bad])


def test_a_dead_server_is_replaced_as_well(database: DurableUnderTest) -> None:
    """Its data are beyond a start: nobody can tell what it had, and nobody is kept waiting for that."""
    now = database.volume.generations().current
    database.docker.api.stop(database.names.container, timeout=120)
    built = restore(database)
    assert "does not answer" in built.facts["discarded_unknown"]
    with pytest.raises(Refusal, match="does not answer"):
        restore(database, "live")
    live = go_live(database)
    assert database.volume.generations().current == live.facts["generation"]
    assert "last" in database.orders()
    with pytest.raises(Refusal, match=f"restore_confirm={now}"):
        restore(database, "confirmed", confirm="yes")
    assert restore(database, "confirmed", confirm=now).changed
    assert now not in database.volume.generations().kept
    assert restore(database, "confirmed", confirm=now).changed is False


def test_a_lost_machine_comes_back_from_its_keys_and_its_backups(database: DurableUnderTest) -> None:
    database.accept("before-the-loss")
    database.back_up("full", verify=False)
    database.accept("after-the-backup")
    database.tool.archive_now()
    database.lose()
    database.ensure("present")
    database.tool.prepare()
    with pytest.raises((pymysql.Error, psycopg.Error)):
        database.orders()
    restore(database)
    live = go_live(database)
    assert live.facts["discarded"] == 0
    assert database.orders()[-2:] == ["before-the-loss", "after-the-backup"]
    assert database.back_up("full").facts["problem"] == ""
