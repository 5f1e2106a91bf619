"""What the routing table says, laid by the real router and then damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from environment_exporter.traffic import read_traffic, traffic_lines


@pytest.fixture
def routes(tmp_path: Path) -> NginxRoutes:
    return NginxRoutes(tmp_path / "routes")


@pytest.mark.parametrize("weights", [EMPTY, Weights(100, 0), Weights(0, 100), Weights(1, 99), Weights(50, 50)])
@pytest.mark.parametrize("maintenance", [False, True])
def test_it_sees_what_the_router_sees(routes: NginxRoutes, weights: Weights, maintenance: bool) -> None:
    routes.commit(routes.prepare(Weights(100, 0)))
    routes.commit(routes.prepare(weights, maintenance=maintenance and not weights.is_empty))
    current, seen = routes.current(), read_traffic(routes.folder)
    assert (seen.generation, seen.weights, seen.candidate) == (current.number, current.weights.as_dict(), current.candidate)
    assert (seen.maintenance, seen.stable) == (current.maintenance, current.stable)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bucket is missing": lambda table: (table / "current" / "blue" / "7").unlink(),
    "the buckets are gone": lambda table: shutil.rmtree(table / "current" / "blue"),
    "the weights are of another kind": lambda table: (table / "current" / "weights.json").write_text("[100]"),
    "the weights are cut off": lambda table: (table / "current" / "weights.json").write_text('{"blue":'),
    "the weights do not sum up": lambda table: (table / "current" / "weights.json").write_text('{"blue": 70, "green": 0}'),
    "the marker is another": lambda table: (table / "current" / "generation").write_text("17\n"),
    "the candidate is no colour": lambda table: (table / "current" / "canary").write_text("red\n"),
    "the link is gone": lambda table: (table / "current").unlink(),
    "the generation is gone": lambda table: shutil.rmtree(table / "generations"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_table_is_not_readable_and_says_nothing_else(routes: NginxRoutes, damage: Callable[[Path], object]) -> None:
    routes.commit(routes.prepare(Weights(100, 0)))
    damage(routes.folder)
    assert list(traffic_lines(routes.folder))[2:] == ["echobase_routing_table_readable 0"]


def test_an_undecided_switch_is_told(routes: NginxRoutes) -> None:
    routes.commit(routes.prepare(Weights(100, 0)))
    (routes.folder / "undecided").touch()
    assert "echobase_traffic_switch_undecided 1" in list(traffic_lines(routes.folder))
