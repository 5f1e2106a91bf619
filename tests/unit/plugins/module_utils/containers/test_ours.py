from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import (
    needed_container,
    our_container,
    our_network,
    our_volume,
    remove_our_container,
)

PLUGINS = Path(__file__).parents[5] / "plugins"
FIND: list[Callable[..., Any]] = [our_container, our_volume, our_network]


class Engine:
    """What the Docker engine knows, and which containers it was told to remove."""

    def __init__(self, labels: dict[str, str] | None = None, *, knows: bool = True) -> None:
        self.api = self
        self.removed: list[tuple[str, bool, bool]] = []
        self._thing = {"Config": {"Labels": labels}, "Labels": labels} if knows else None

    def inspect_container(self, name: str) -> dict[str, Any]:
        if self._thing is None:
            raise NotFound(name)
        return self._thing

    inspect_volume = inspect_network = inspect_container

    def remove_container(self, name: str, *, force: bool, v: bool) -> None:
        self.removed.append((name, force, v))


OURS = Engine({ENVIRONMENT_LABEL: "test"})


@pytest.mark.parametrize("find", FIND)
def test_what_is_ours_is_found(find: Callable[..., Any]) -> None:
    assert find(OURS, "test", "x")["Labels"] == {ENVIRONMENT_LABEL: "test"}


@pytest.mark.parametrize("find", FIND)
def test_what_is_not_there_is_none(find: Callable[..., Any]) -> None:
    assert find(Engine(knows=False), "test", "x") is None


@pytest.mark.parametrize("labels", [None, {}, {ENVIRONMENT_LABEL: "ci"}])
@pytest.mark.parametrize("act", [*FIND, needed_container, remove_our_container])
def test_what_is_somebody_elses_is_refused_and_left_alone(act: Callable[..., Any], labels: dict[str, str] | None) -> None:
    engine = Engine(labels)
    with pytest.raises(Refusal, match=r"x exists and .*: left alone"):
        act(engine, "test", "x")
    assert engine.removed == []


def test_what_is_needed_says_what_makes_it() -> None:
    with pytest.raises(Refusal, match=r"there is no container x - `playbooks/setup_durable.yml` makes it"):
        needed_container(Engine(knows=False), "test", "x")  # type: ignore[arg-type]
    assert needed_container(OURS, "test", "x")  # type: ignore[arg-type]


def test_what_is_ours_is_removed_with_its_nameless_volumes() -> None:
    engine = Engine({ENVIRONMENT_LABEL: "test"})
    remove_our_container(engine, "test", "x")  # type: ignore[arg-type]
    assert engine.removed == [("x", True, True)]
    remove_our_container(Engine(knows=False), "test", "x")  # type: ignore[arg-type]


def test_nobody_else_asks_for_one_thing_by_its_name_and_judges_whose_it_is() -> None:
    asks = re.compile(r"found_or_none\(lambda: \S*api\.inspect_(?:container|volume|network)")
    found = {file.name for file in PLUGINS.rglob("*.py") if asks.search(file.read_text())}
    assert found == {"ours.py"}
