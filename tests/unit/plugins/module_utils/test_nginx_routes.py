from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import KEPT_GENERATIONS, NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights
from integration.router_conformance import RouterConformance

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


def test_the_files_are_what_nginx_asks_for(folder: Path, routes: NginxRoutes) -> None:
    switch(routes, Weights(80, 20))
    current = folder / "current"
    assert str(current.readlink()) == "generations/000002"
    assert sorted(int(path.name) for path in (current / "green").iterdir()) == list(range(20))
    assert sorted(int(path.name) for path in (current / "blue").iterdir()) == list(range(20, 100))
    assert (current / "generation").read_text() == "2\n"
    assert (current / "weights.json").read_text() == '{"blue": 80, "green": 20}\n'
    assert not (current / "empty").exists()


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


@pytest.mark.parametrize(
    "damage", [_remove, _lead_elsewhere, _dangle, _lose_a_bucket, _claim_twice, _tear_weights, _contradict, _mark_wrongly]
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

_STATE_CHANGING = ("mkdir", "chmod", "fchmod", "link", "symlink", "rename", "unlink", "rmdir", "fsync", "open")


def _die_at(step: int) -> None:
    """From now on, the process dies just before the given state-changing system call.

    Of a row of equal calls, such as the links of a hundred buckets, the first two count: before any, and in the middle.
    """
    counted = 0
    row = ("", 0)

    def dying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal counted, row
            row = (name, row[1] + 1 if row[0] == name else 1)
            counted += row[1] <= 2
            if counted == step:
                os._exit(9)
            return function(*args, **kwargs)

        return call

    for name in _STATE_CHANGING:
        setattr(os, name, dying(name, getattr(os, name)))


def _switch_and_die(folder: Path, weights: Weights, step: int) -> bool:
    """True when the process reached its end alive."""
    child = os.fork()
    if child == 0:
        try:
            _die_at(step)
            routes = NginxRoutes(folder)
            switch(routes, weights)
            routes.prune()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 0


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


# --- many at once ----------------------------------------------------------------------------------------

_SWITCH_OFTEN = """
import sys
from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.weights import Weights
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
