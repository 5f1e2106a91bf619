from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment import locks
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

PLUGINS = Path(__file__).parents[5] / "plugins"
Lock = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Lock]:
    monkeypatch.setattr(locks, "_OF_THE_MACHINE", tmp_path)
    env = environment("test", str(tmp_path))
    return {
        "python": locks.python_lock,
        "programs": lambda: locks.programs_lock(tmp_path / ".programs.lock", lambda: None),
        "images": lambda: locks.images_lock(tmp_path / ".images.lock", lambda: None),
        "networks": locks.networks_lock,
        "container": lambda: locks.container_lock(env.edge_container),
        "durable work": lambda: locks.durable_work_lock(env.name),
        "trial": lambda: locks.trial_lock(env.name),
        "backup repository": lambda: locks.backup_repository_lock(env.name),
        "database server": lambda: locks.database_server_lock(env.name),
        "encrypted folder": lambda: locks.encrypted_folder_lock(tmp_path / "encrypted" / "image", "postgres"),
        "certificates": lambda: locks.certificates_lock(Path(env.home)),
        "secrets": lambda: locks.secrets_lock(env),
        "lease": lambda: locks.lease_lock(env),
        "routing table": lambda: locks.routing_table_lock(tmp_path / "routes", 1),
        "ledger": lambda: locks.ledger_lock(Path(env.path("ledger.jsonl"))),
    }


def test_each_lock_has_its_place_in_the_order(in_order: dict[str, Lock]) -> None:
    assert tuple(in_order) == locks._ORDER


def test_downwards_they_are_taken_together(in_order: dict[str, Lock]) -> None:
    ordered = list(in_order.values())
    for upper, lower in pairwise(ordered):
        with upper(), lower():
            pass


def test_upwards_and_twice_is_refused_and_leaves_nothing_held(in_order: dict[str, Lock]) -> None:
    ordered = list(in_order.values())
    for upper, lower in [*pairwise(ordered), *zip(ordered, ordered, strict=True)]:
        with lower(), pytest.raises(RuntimeError, match="is taken while"), upper():
            pass
        with upper():
            pass


def test_a_users_run_goes_on(in_order: dict[str, Lock], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(locks.STRICT)
    with in_order["ledger"](), in_order["lease"]():
        pass


def test_each_thread_has_an_order_of_its_own(in_order: dict[str, Lock]) -> None:
    """The lease is renewed beside the work of a run, whatever that holds."""
    done = []

    def renew() -> None:
        with in_order["lease"]():
            done.append(True)

    with in_order["ledger"]():
        thread = threading.Thread(target=renew)
        thread.start()
        thread.join()
    assert done == [True]


def test_environments_have_locks_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_OF_THE_MACHINE", tmp_path)
    for name in ("devlocal", "ci"):
        with locks.database_server_lock(name):
            pass
    assert {file.name for file in tmp_path.iterdir()} == {"echobase-devlocal-durable-db.lock", "echobase-ci-durable-db.lock"}


def test_nobody_makes_a_lock_of_his_own() -> None:
    """Else the order would say nothing about it."""
    taken = re.compile(r"\bexclusive\((?!self|\))|file_lock import")
    found = {str(file.relative_to(PLUGINS)) for file in PLUGINS.rglob("*.py") if taken.search(file.read_text())}
    assert found == {"module_utils/base/file_lock.py", "module_utils/environment/locks.py"}
