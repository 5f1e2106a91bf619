"""Faults of the routing table and of what it lies on: what customers see, what the module says, and how it is repaired."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import KEPT_GENERATIONS, NginxRoutes
from harness.table_fault_scene import ALL_BLUE, ALL_GREEN, ALL_LOUD, BLUE, GREEN, FaultScene, running_scene


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with running_scene(tmp_path_factory.mktemp("faults"), "table-faults", 28643, "127.65") as scene:
        yield scene


@pytest.fixture
def scene(running: FaultScene) -> FaultScene:
    running.begin_anew()
    return running


def assert_one_line(answer: dict[str, Any], *parts: str) -> None:
    assert answer.get("failed"), answer
    assert "\n" not in answer["msg"]
    for part in parts:
        assert part in answer["msg"], answer["msg"]


# --- no room, or not writable ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (FaultScene.fill_disk, "No space left on device"),
        (lambda scene: scene.leave_inodes(0), "No space left on device"),
        (lambda scene: scene.leave_inodes(1), "No space left on device"),
        (lambda scene: scene.leave_inodes(50), "No space left on device"),
        (lambda scene: scene.remount("ro"), "Read-only file system"),
    ],
    ids=["disk-full", "no-inode", "one-inode", "fifty-inodes", "read-only"],
)
def test_a_switch_that_cannot_be_written_leaves_everything_as_it_was(
    scene: FaultScene, break_it: Callable[[FaultScene], None], cause: str
) -> None:
    before = scene.files()
    break_it(scene)
    assert_one_line(scene.switch(to="green"), f"the routing table cannot be written: {cause}", str(scene.folder), "df -h, df -i", "mount")
    assert scene.customers.answers() == ALL_BLUE
    assert scene.customers.readiness() == (200, "3")
    assert scene.files() == before
    scene.make_room()
    scene.move(GREEN)
    assert scene.customers.answers() == ALL_GREEN


def test_what_cannot_be_forgotten_after_the_switch_is_a_warning(scene: FaultScene) -> None:
    scene.move(*(GREEN, BLUE) * (KEPT_GENERATIONS // 2))
    stuck = scene.folder / "generations" / "000002" / "green"
    # A mount point cannot be removed.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(stuck)], check=True)
    try:
        answer = scene.switch(to="green")
        assert answer["changed"]
        assert answer["after"]["weights"] == GREEN.as_dict()
        assert any("traffic moved, but older generations could not be removed" in warning for warning in answer["warnings"])
        assert scene.customers.answers() == ALL_GREEN
        assert not (scene.folder / "generations" / "000003").exists()
    finally:
        subprocess.run(["umount", str(stuck)], check=True)
    scene.move(BLUE)
    scene.routes.prune()
    assert len(list((scene.folder / "generations").iterdir())) == KEPT_GENERATIONS


# --- a broken table --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damage:
    name: str
    do: Callable[[FaultScene], None]
    cause: str
    # What customers get while it lasts.
    answers: dict[int, str]
    ready: bool

    def __str__(self) -> str:
        return self.name


def cut_weights(scene: FaultScene) -> None:
    (scene.generation / "weights.json").write_text('{"blue": 1')


def lose_a_bucket(scene: FaultScene) -> None:
    (scene.generation / "blue" / "19").unlink()


def claim_a_bucket_twice(scene: FaultScene) -> None:
    (scene.generation / "green" / "19").touch()


def claim_a_bucket_for_a_candidate(scene: FaultScene) -> None:
    (scene.generation / "candidate" / "green" / "19").touch()


def remove_link(scene: FaultScene) -> None:
    (scene.folder / "current").unlink()


def lead_nowhere(scene: FaultScene) -> None:
    remove_link(scene)
    (scene.folder / "current").symlink_to("generations/000009")


def lead_outside(scene: FaultScene) -> None:
    remove_link(scene)
    (scene.folder / "current").symlink_to("/etc")


def put_a_copy_in_its_place(scene: FaultScene) -> None:
    copy = scene.folder / "copy"
    shutil.copytree(scene.generation, copy)
    remove_link(scene)
    copy.rename(scene.folder / "current")


def close_folder(scene: FaultScene) -> None:
    scene.folder.chmod(0o700)


def close_generation(scene: FaultScene) -> None:
    scene.generation.chmod(0o700)


def close_colour(scene: FaultScene) -> None:
    (scene.generation / "blue").chmod(0o700)


def empty_folder(scene: FaultScene) -> None:
    shutil.rmtree(scene.folder / "generations")


DAMAGES = [
    Damage("weights cut", cut_weights, "generation 3 cannot be read", ALL_BLUE, ready=True),
    Damage("bucket lost", lose_a_bucket, "generation 3 contradicts itself", ALL_BLUE | {19: ALL_LOUD[19]}, ready=True),
    Damage("bucket claimed twice", claim_a_bucket_twice, "generation 3 contradicts itself", ALL_BLUE | {19: ALL_LOUD[19]}, ready=True),
    Damage("bucket claimed for a candidate", claim_a_bucket_for_a_candidate, "generation 3 contradicts itself", ALL_BLUE, ready=True),
    Damage("link removed", remove_link, "current is no symbolic link", ALL_LOUD, ready=False),
    Damage("link to nowhere", lead_nowhere, "generation 9 cannot be read", ALL_LOUD, ready=False),
    Damage("link to elsewhere", lead_outside, "current leads to '/etc'", ALL_LOUD, ready=False),
    Damage("directory instead of the link", put_a_copy_in_its_place, "current is no symbolic link", ALL_BLUE, ready=True),
    Damage("folder closed", close_folder, "routes is closed to the edge's workers (mode 0700)", ALL_LOUD, ready=False),
    Damage("generation closed", close_generation, "000003 is closed to the edge's workers (mode 0700)", ALL_LOUD, ready=False),
    Damage("colour closed", close_colour, "blue is closed to the edge's workers (mode 0700)", ALL_LOUD, ready=False),
    Damage("generations removed", empty_folder, "generation 3 cannot be read", ALL_LOUD, ready=False),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_broken_table_serves_nobody_else_and_is_repaired_by_one_command(scene: FaultScene, damage: Damage) -> None:
    alarms = scene.edge.logs().count('"error":"routing-table-unreadable"')
    damage.do(scene)
    assert scene.customers.answers() == damage.answers
    assert (scene.customers.readiness()[0] == 200) == damage.ready
    if ALL_LOUD[19] in damage.answers.values():
        assert scene.edge.logs().count('"error":"routing-table-unreadable"') > alarms
    # Nobody moves traffic on top of it by chance.
    assert_one_line(scene.switch(to="green"), "the routing table is broken: ", damage.cause, "switch_repair=true", "docs/operate/repair.md")
    assert scene.customers.answers() == damage.answers
    repaired = scene.switch(to="blue", repair=True)
    assert repaired["changed"], repaired
    assert scene.customers.answers() == ALL_BLUE
    assert scene.customers.readiness() == (200, str(scene.routes.current().number))
    assert {path.name for path in scene.folder.iterdir()} == {".lock", "current", "generations"}
    scene.move(GREEN)
    assert scene.customers.answers() == ALL_GREEN


# --- what stands beside the table ------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "forty-one", "41\n42\n"], ids=["empty", "words", "two lines"])
def test_a_torn_fencing_number_stops_only_who_comes_with_one(scene: FaultScene, content: str) -> None:
    fencing = scene.folder / "fencing"
    fencing.write_text(content)
    with pytest.raises(Refusal, match=f"{fencing} holds no number - write the highest .* echo <number> > {fencing}"):
        scene.routes.refuse_outdated(42)
    scene.move(GREEN)
    assert scene.customers.answers() == ALL_GREEN
    fencing.write_text("41\n")
    scene.routes.commit(scene.routes.prepare(BLUE), fencing_number=42)
    assert fencing.read_text() == "42\n"


def test_a_process_that_sleeps_on_the_lock_is_named(scene: FaultScene) -> None:
    """It stops whoever wants to switch, for a while and in as many words; customers do not notice."""
    program = "import fcntl, sys; held = open(sys.argv[1]); fcntl.flock(held, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", program, str(scene.folder / ".lock")]
    sleeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert sleeper.stdout is not None
    sleeper.stdout.readline()
    try:
        impatient = NginxRoutes(scene.folder, lock_patience=0.3)
        with pytest.raises(Refusal, match=rf"lock is locked for more than 0.3 s by process {sleeper.pid} \(.+\) - let it finish or end it"):
            impatient.prepare(GREEN)
        assert impatient.current().weights == BLUE
        assert scene.customers.answers() == ALL_BLUE
    finally:
        sleeper.kill()
        sleeper.communicate()
    scene.move(GREEN)
    assert scene.customers.answers() == ALL_GREEN
