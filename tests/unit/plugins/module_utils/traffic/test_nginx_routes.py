from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import KEPT_GENERATIONS, NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.router_conformance import RouterConformance
from harness.sudden_death import survives

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")


class TestNginxRoutes(RouterConformance):
    def make_router(self, folder: Path) -> Router:
        return NginxRoutes(folder / "routes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "routes"


@pytest.fixture
def routes(folder: Path) -> NginxRoutes:
    routes = NginxRoutes(folder)
    routes.initialise()
    return routes


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def switch(routes: NginxRoutes, weights: Weights) -> Generation:
    return routes.commit(routes.prepare(weights)).generation


def test_initialising_lays_the_empty_generation_once(folder: Path) -> None:
    routes = NginxRoutes(folder)
    assert routes.initialise()
    assert routes.current() == Generation(1, EMPTY)
    assert not routes.initialise()
    assert (folder / "current" / "empty").exists()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def names(folder: str, buckets: range) -> set[str]:
    return {f"{folder}/{bucket}" for bucket in buckets}


@pytest.mark.parametrize(
    ("weights", "maintenance", "expected"),
    [
        (BLUE, False, names("blue", range(100))),
        (Weights(80, 20), False, {"canary"} | names("blue", range(20, 100)) | names("candidate/green", range(20))),
        (BLUE, True, {"maintenance"}),
        (Weights(80, 20), True, {"maintenance", "canary"}),
        (EMPTY, False, {"empty"}),
        (EMPTY, True, {"empty", "maintenance"}),
    ],
    ids=["one", "canary", "one under maintenance", "canary under maintenance", "none", "none under maintenance"],
)
def test_the_files_are_what_nginx_asks_for(
    routes: NginxRoutes, folder: Path, weights: Weights, maintenance: bool, expected: set[str]
) -> None:
    switch(routes, BLUE)
    routes.commit(routes.prepare(weights, maintenance))
    current = folder / "current"
    assert str(current.readlink()) == "generations/000003"
    assert files(current.resolve()) == {"generation", "weights.json"} | expected
    assert [path.is_dir() for path in (current / "blue", current / "green", current / "candidate/blue", current / "candidate/green")] == [
        True
    ] * 4
    assert (current / "generation").read_text() == "3\n"
    assert json.loads((current / "weights.json").read_text()) == weights.as_dict()


def test_a_generation_of_before_there_were_candidates_is_read_and_replaced(routes: NginxRoutes, folder: Path) -> None:
    shared = Weights(80, 20)
    switch(routes, shared)
    # As it was laid then: both colours side by side, and no folder for a candidate.
    for bucket in (folder / "current" / "candidate" / "green").iterdir():
        bucket.rename(folder / "current" / "green" / bucket.name)
    shutil.rmtree(folder / "current" / "candidate")
    (folder / "current" / "canary").unlink()
    assert routes.current() == Generation(2, shared)
    assert switch(routes, shared).candidate == "green"


def test_everybody_may_read_whatever_the_umask(tight_umask: None, routes: NginxRoutes, folder: Path) -> None:
    switch(routes, Weights(50, 50))
    for path in [folder, *folder.rglob("*")]:
        if path.name in (".lock", "current"):
            continue
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_only_the_newest_generations_are_kept(routes: NginxRoutes, folder: Path) -> None:
    for number in range(15):
        switch(routes, (BLUE, GREEN)[number % 2])
    routes.prune()
    assert sorted(path.name for path in (folder / "generations").iterdir()) == [f"{number:06d}" for number in range(7, 17)]
    assert len(list((folder / "generations").iterdir())) == KEPT_GENERATIONS


def _remove(path: Path) -> None:
    path.unlink()


def _lead_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc")


def _dangle(path: Path) -> None:
    shutil.rmtree(path.resolve())


def _lose_a_bucket(path: Path) -> None:
    (path / "blue" / "50").unlink()


def _claim_twice(path: Path) -> None:
    (path / "green" / "50").touch()


def _tear_weights(path: Path) -> None:
    (path / "weights.json").write_text('{"blue": 1')


def _contradict(path: Path) -> None:
    (path / "weights.json").write_text('{"blue": 90, "green": 10}')


def _mark_wrongly(path: Path) -> None:
    (path / "generation").write_text("7\n")


def _claim_for_a_candidate(path: Path) -> None:
    (path / "candidate" / "green" / "3").touch()


def _name_a_candidate(path: Path) -> None:
    (path / "canary").write_text("green\n")


def _name_a_stranger(path: Path) -> None:
    (path / "canary").write_text("red\n")


def _close_halfway(path: Path) -> None:
    (path / "maintenance").touch()


@pytest.mark.parametrize(
    "damage",
    [
        _remove,
        _lead_elsewhere,
        _dangle,
        _lose_a_bucket,
        _claim_twice,
        _tear_weights,
        _contradict,
        _mark_wrongly,
        _claim_for_a_candidate,
        _name_a_candidate,
        _name_a_stranger,
        _close_halfway,
    ],
)
def test_a_broken_table_is_never_guessed_at_and_can_be_replaced(routes: NginxRoutes, folder: Path, damage: Callable[[Path], None]) -> None:
    switch(routes, BLUE)
    damage(folder / "current")
    assert routes.exists()
    with pytest.raises(Refusal, match=r"^the routing table is broken: .* - .*repair: true") as refusal:
        routes.current()
    assert "\n" not in str(refusal.value)
    assert switch(routes, GREEN).weights == GREEN
    assert routes.current().weights == GREEN


def test_a_prepared_generation_that_was_tampered_with_is_not_committed(routes: NginxRoutes, folder: Path) -> None:
    before = switch(routes, BLUE)
    prepared = routes.prepare(GREEN)
    (folder / "generations" / f"{prepared.generation.number:06d}" / "green" / "3").unlink()
    with pytest.raises(Refusal, match="contradicts itself"):
        routes.commit(prepared)
    assert routes.current() == before


def test_a_fencing_number_that_is_none_says_where(routes: NginxRoutes, folder: Path) -> None:
    (folder / "fencing").write_text("seven\n")
    with pytest.raises(Refusal, match="fencing holds no number"):
        routes.refuse_outdated(7)


# --- killed in the middle --------------------------------------------------------------------------------


def _switch_and_die(folder: Path, weights: Weights, step: int) -> bool:
    """True when the process reached its end alive."""

    def switch_once() -> None:
        routes = NginxRoutes(folder)
        switch(routes, weights)
        routes.prune()

    return survives(switch_once, step)


def test_killed_at_any_step_the_old_or_the_new_generation_is_current(routes: NginxRoutes, folder: Path) -> None:
    for _ in range(KEPT_GENERATIONS):
        switch(routes, BLUE)
    step = 0
    finished = False
    outcomes = set()
    while not finished:
        step += 1
        before = switch(routes, BLUE)
        finished = _switch_and_die(folder, GREEN, step)
        now = routes.current()
        assert now == before or now.weights == GREEN
        outcomes.add(now.weights)
        # The next one works and leaves nothing half-made behind.
        switch(routes, BLUE)
        routes.prune()
        assert [path.name for path in folder.glob(".*")] == [".lock"]
        assert list((folder / "generations").glob(".*")) == []
        assert len(list((folder / "generations").iterdir())) <= KEPT_GENERATIONS
    assert step > 40
    assert outcomes == {BLUE, GREEN}


def test_a_first_table_that_was_cut_short_is_laid_again(folder: Path) -> None:
    NginxRoutes(folder).prepare(EMPTY)
    assert not NginxRoutes(folder).exists()
    assert NginxRoutes(folder).initialise()
    assert NginxRoutes(folder).current().weights == EMPTY


def test_without_its_link_a_table_with_traffic_is_never_taken_for_new(routes: NginxRoutes, folder: Path) -> None:
    switch(routes, BLUE)
    (folder / "current").unlink()
    assert not routes.initialise()
    with pytest.raises(Refusal, match="the routing table is broken"):
        routes.current()


def test_half_a_generation_is_removed_when_laying_it_fails(routes: NginxRoutes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    monkeypatch.setattr(os, "link", no_room)
    with pytest.raises(Refusal, match="the routing table cannot be written: No space left on device"):
        switch(routes, BLUE)
    assert [path.name for path in (folder / "generations").iterdir()] == ["000001"]
    assert routes.current().weights == EMPTY


def test_a_table_that_the_workers_may_not_read_is_broken(routes: NginxRoutes, folder: Path) -> None:
    switch(routes, BLUE)
    (folder / "generations").chmod(0o700)
    with pytest.raises(Refusal, match=r"generations is closed to the edge's workers \(mode 0700\)"):
        routes.current()
    assert routes.commit(routes.prepare(BLUE)).generation == routes.current()


# --- many at once ----------------------------------------------------------------------------------------

_SWITCH_OFTEN = """
import sys
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
routes = NginxRoutes(sys.argv[1])
for number in range(30):
    with routes.exclusive():
        routes.commit(routes.prepare(Weights(100 - number, number)))
        routes.prune()
"""


def test_processes_switch_one_after_the_other(routes: NginxRoutes, folder: Path) -> None:
    command = [sys.executable, "-c", _SWITCH_OFTEN, str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [subprocess.Popen(command, env=environment) for _ in range(3)]
    while any(process.poll() is None for process in processes):
        # A reader takes no lock, and still sees a whole generation.
        assert routes.current().number > 0
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert routes.current().number == 1 + 3 * 30
