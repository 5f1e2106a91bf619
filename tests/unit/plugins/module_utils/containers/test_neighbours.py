from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.neighbours import Neighbours, Place, PlaceRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment

OUTRIGHT = {
    "mariadb": 13306,
    "postgres": 15432,
    "redis": 16379,
    "edge": 8443,
    "operators": 9443,
    "blue_offset": 20000,
    "green_offset": 20100,
}


def made(home: Path, name: str = "staging", placement: Placement | None = None) -> Environment:
    return environment(name, str(home), placement=placement or Placement(index=3))


def set_up(env: Environment) -> list[tuple[str, str]]:
    PlaceRecord(Path(env.home)).write(Place.of(env))
    return [(env.name, env.durable_network.subnet), (env.name, env.edge_network.subnet)]


def test_a_record_is_read_as_it_was_written_and_for_its_owner_alone(tmp_path: Path) -> None:
    env = made(tmp_path)
    set_up(env)
    folder = Path(env.home)
    assert PlaceRecord(folder).read() == Place.of(env)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "environment.json")] == [0o700, 0o600]


def test_another_index_and_the_known_environments_do_not_collide(tmp_path: Path) -> None:
    subnets = [("", "172.17.0.0/16"), *set_up(made(tmp_path, "qa", Placement(index=4)))]
    for known in ("devlocal", "ci", "test"):
        subnets += [(known, environment(known).durable_network.subnet)]
    Neighbours(made(tmp_path), subnets).refuse_collisions()


def test_its_own_networks_are_no_neighbours(tmp_path: Path) -> None:
    env = made(tmp_path)
    Neighbours(env, set_up(env)).refuse_collisions()


def test_the_same_index_is_refused_by_name(tmp_path: Path) -> None:
    subnets = set_up(made(tmp_path, "qa"))
    words = "environments staging and qa both have index 3 (port 3309, subnet 10.231.24.0/24) - give one of them another echobase_index"
    with pytest.raises(Refusal, match=re.escape(words)):
        Neighbours(made(tmp_path), subnets).refuse_collisions()


def test_the_same_index_is_no_collision_where_everything_else_is_given_outright(tmp_path: Path) -> None:
    subnets = set_up(made(tmp_path, "qa", Placement(3, OUTRIGHT, "10.240.8.0/21")))
    Neighbours(made(tmp_path), subnets).refuse_collisions()


def test_what_a_known_environment_has_is_known_without_a_record(tmp_path: Path) -> None:
    env = made(tmp_path, placement=Placement(3, {"edge": 443}))
    with pytest.raises(Refusal, match=re.escape("environments staging and devlocal both have port 443 (edge and edge) - ")):
        Neighbours(env, [("devlocal", "10.199.0.0/24")]).refuse_collisions()


def test_a_neighbour_with_another_home_is_known_by_its_networks(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=re.escape("environments staging and far both have subnet 10.231.25.0/24 - ")):
        Neighbours(made(tmp_path), [("far", "10.231.25.0/24")]).refuse_collisions()


def test_a_record_without_networks_is_of_an_environment_that_was_taken_down(tmp_path: Path) -> None:
    set_up(made(tmp_path, "qa"))
    Neighbours(made(tmp_path), []).refuse_collisions()
