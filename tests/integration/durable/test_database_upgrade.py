"""From one major version to the next and back, on real servers of both engines; killed on the way."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import ignore_step
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION
from ansible_collections.echobase.platform.plugins.module_utils.upgrade.upgrade import DatabaseUpgrade
from harness.durable_under_test import DurableUnderTest
from harness.killed_runs import killed_at

pytestmark = pytest.mark.long

_MAJORS = {"mariadb": ("10.11", "11.8"), "postgresql": ("15", "17")}
_VERSION = {"mariadb": "SELECT VERSION()", "postgresql": "SELECT current_setting('server_version')"}
_AMOUNTS = {
    "mariadb": "CREATE TABLE orders_db.amounts AS SELECT seq AS id, seq * 1.25 AS amount, REPEAT('ä', seq % 40) AS note FROM seq_1_to_2000",
    "postgresql": "SET ROLE migrate_user; CREATE TABLE amounts AS"
    " SELECT id, id * 1.25 AS amount, repeat('ä', id % 40) AS note FROM generate_series(1, 2000) AS id",
}
FIRST, SECOND = "000001", "000002"


@pytest.fixture(scope="module", params=_MAJORS)
def database(
    request: pytest.FixtureRequest, engine_client: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DurableUnderTest]:
    """Of the older major. The tests below go through its life, one after the other."""
    engine = request.param
    home = tmp_path_factory.mktemp("home")
    database = DurableUnderTest.prepared(engine_client, engine, home, 21 + list(_MAJORS).index(engine))
    database.major = _MAJORS[engine][0]
    database.remove()
    try:
        database.create()
        database.console.query(_AMOUNTS[engine])
        yield database
    finally:
        database.remove()


def upgrade(
    database: DurableUnderTest, state: str, confirm: str = "", check: bool = False, reached: Callable[[str], None] = ignore_step
) -> Outcome:
    """To the newer major, and back to the older one."""
    older, newer = _MAJORS[database.engine]
    back = state in ("reverted", "back abandoned")
    wanted, present = (older, newer) if back else (newer, older)
    deed = DatabaseUpgrade(
        database.docker,
        database.env,
        database.definition(wanted),
        newer,
        database.image(present),
        database.tool,
        Progress(None),
        reached,
    )
    return deed.run(state.removeprefix("back "), confirm, check)


def killed(database: DurableUnderTest, at: str, state: str) -> None:
    def run(death: Callable[[str], None]) -> None:
        database.docker = docker.DockerClient.from_env(timeout=600)
        upgrade(database, state, database.names.volume, reached=death)

    killed_at(at, run)


def serves(database: DurableUnderTest, major: str) -> bool:
    """With every row of before, and nothing left lying about."""
    assert database.console.query("SELECT COUNT(*), SUM(amount) FROM amounts") in ([["2000", "2501250.00"]],)
    assert database.leftovers() == []
    return database.console.query(_VERSION[database.engine])[0][0].startswith(f"{major}.")


def test_a_server_of_another_major_does_not_get_at_the_data(database: DurableUnderTest) -> None:
    older, newer = _MAJORS[database.engine]
    database.accept("first")
    database.major = newer
    for recreate in ("when_safe", "always"):
        with pytest.raises(Refusal, match=f"holds data of {database.engine} {older}, and image .* is of {newer} - `playbooks/upgrade.yml`"):
            database.ensure("present", recreate=recreate)
    database.major = older
    assert database.ensure("present").changed is False
    # Nor when it is started by hand.
    mount = f"{database.names.volume}:{database.names.data_mount}"
    command = ["docker", "run", "--rm", "--network=none", f"--volume={mount}", database.image(newer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"are of major version {older}, this server is {newer}: playbooks/upgrade.yml" in done.stderr
    assert serves(database, older)


def test_it_is_tried_on_a_restored_backup_first(database: DurableUnderTest) -> None:
    older, newer = _MAJORS[database.engine]
    foretold = upgrade(database, "checked")
    assert (foretold.changed, foretold.facts["present_major"], foretold.facts["wanted_major"]) == (True, older, newer)
    with pytest.raises(Refusal, match="there is no proved backup"):
        upgrade(database, "rehearsed")
    taken = database.back_up()
    tried = upgrade(database, "rehearsed")
    assert (tried.facts["backup"], tried.facts["rows"]) == (taken.facts["backup"], 2001)
    assert serves(database, older)
    assert database.volume.generations().kept == (FIRST,)


def test_it_takes_over_with_all_that_was_written_until_then(database: DurableUnderTest) -> None:
    accepted: list[str] = []
    writer = threading.Thread(target=database.accept_until_refused, args=(accepted,))
    writer.start()
    live = upgrade(database, "live")
    writer.join()
    assert (live.changed, live.facts["step"], live.warnings) == (True, "live", [])
    assert serves(database, _MAJORS[database.engine][1])
    orders = set(database.orders())
    assert orders >= {"first", *accepted}
    # The last one may have been committed, and its answer lost with the connection.
    assert orders <= {"first", *accepted, f"late-{len(accepted)}"}
    generations = database.volume.generations()
    assert (generations.current, generations.kept) == (SECOND, (FIRST, SECOND))
    assert upgrade(database, "live").changed is False
    assert upgrade(database, "checked").changed is False
    database.major = _MAJORS[database.engine][1]
    assert database.ensure("present").changed is False


def test_the_backups_go_on_and_those_of_before_are_not_mistaken(database: DurableUnderTest) -> None:
    older, newer = _MAJORS[database.engine]
    before = database.tool.backups()[-1]
    with (
        trial_volume(database.docker, database.env, database.engine) as volume,
        pytest.raises(Refusal, match=rf"is of \w+ {older}, and {newer} serves"),
    ):
        database.tool.restore(before, Point(), volume, FIRST_GENERATION)
    taken = database.back_up("incremental")
    assert {backup.name: backup.kind for backup in database.tool.backups()}[taken.facts["backup"]] == "full"
    assert restorable(database.env, database.engine, database.tool).proved_by == taken.facts["backup"]


def test_the_way_back_lists_what_it_costs(database: DurableUnderTest) -> None:
    older, newer = _MAJORS[database.engine]
    database.accept("after")
    with pytest.raises(Refusal, match=f"generation {FIRST} is of {database.engine} {older}, and {newer} serves - .*go_back"):
        DatabaseRestore(database.docker, database.env, database.engine, database.tool, Progress(None)).run("built", FIRST, "", False)
    foretold = upgrade(database, "reverted", check=True)
    assert [line.split()[0] for line in foretold.facts["discarded_newest"]] == ["after"]
    with pytest.raises(Refusal, match=f"discards 1 acknowledged entries.*confirm={database.names.volume}"):
        upgrade(database, "reverted", "yes")
    assert serves(database, newer)

    back = upgrade(database, "reverted", database.names.volume)
    assert (back.changed, back.facts["discarded"], back.facts["generation"]) == (True, 1, FIRST)
    assert serves(database, older)
    assert "after" not in database.orders()
    assert Path(back.facts["discarded_file"]).read_text().startswith("after\t")
    database.major = older
    database.accept("back")
    # PostgreSQL's repository has to be told of each change; MariaDB's does not care.
    assert database.back_up("full", verify=database.engine == "postgresql").facts["kind"] == "full"


# Between each two of them something has been done that the other one knows nothing of. They are the same for both engines: of one of them
# each, of the other enough to see that it can follow.
every_step = pytest.mark.engines("postgresql")


@pytest.mark.parametrize(
    "step", [*(pytest.param(step, marks=every_step) for step in ("closed", "copied")), "swapped", pytest.param("started", marks=every_step)]
)
def test_killed_at_any_step_it_goes_on_or_back(database: DurableUnderTest, step: str) -> None:
    older, newer = _MAJORS[database.engine]
    kept = database.volume.generations().kept
    killed(database, step, "live")
    with pytest.raises(Refusal, match=f"an upgrade to {database.engine} {newer} was cut off while"):
        DatabaseRestore(database.docker, database.env, database.engine, database.tool, Progress(None)).run("abandoned", "", "", False)
    assert upgrade(database, "checked").facts["wanted_major"] == newer
    if step == "started":
        upgrade(database, "live")
        assert serves(database, newer)
        killed(database, "swapped", "reverted")
        upgrade(database, "reverted")
    else:
        upgrade(database, "abandoned")
        assert upgrade(database, "abandoned").changed is False
        generations = database.volume.generations()
        assert (generations.kept, generations.unfinished) == (kept, ())
    assert serves(database, older)
    database.accept(f"after-{step}")
    assert f"after-{step}" in database.orders()
