from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.cache.server import COMPOSE, DurableCache
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

TEXT = f"services: {{redis: {{labels: {{io.echobase.configuration: {PLACEHOLDER}}}}}}}\n"
CONTAINER, VOLUME = "echobase-test-durable-redis", "echobase-test-durable-redis-data"


class Engine:
    """A container engine with a container and a volume, or without."""

    def __init__(self, *names: str, environment: str = "test") -> None:
        self.things: dict[str, dict[str, Any]] = {name: {"Labels": {"io.echobase.environment": environment}} for name in names}
        self.done: list[tuple[str, str]] = []
        self.api = SimpleNamespace(
            inspect_container=lambda name: {"Config": self._thing(name), "State": {"Running": True}},
            inspect_volume=self._thing,
            containers=lambda **_: [
                {"Names": [f"/{name}"], "State": "running", "Status": "Up", **thing}
                for name, thing in self.things.items()
                if name == CONTAINER
            ],
            stop=lambda name, timeout: self.done.append(("stop", name)),
            remove_container=lambda name: self.done.append(("remove", name)),
            remove_volume=lambda name: self.done.append(("remove", name)),
        )

    def _thing(self, name: str) -> dict[str, Any]:
        if name not in self.things:
            raise NotFound(name)
        return self.things[name]


def cache(engine: Engine, home: Path) -> DurableCache:
    return DurableCache(engine, environment("test", str(home)))  # type: ignore[arg-type]


def test_a_new_cache_is_predicted_and_nothing_is_touched(tmp_path: Path) -> None:
    predicted = cache(Engine(), tmp_path).ensure(TEXT, seconds=1, check=True)
    assert predicted.facts["steps"] == [f"make volume {VOLUME}", "write durable-redis.yml", f"make {CONTAINER}"]
    assert (predicted.changed, predicted.facts["ready"]) == (True, False)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named_before_anything_is_made(tmp_path: Path) -> None:
    engine = Engine()
    engine.api.inspect_network = engine.api.inspect_volume
    with pytest.raises(
        Refusal, match=r"the cache cannot run without: .*tls/ca.crt, .*users.acl, .*network echobase-test-durable-network - run"
    ):
        cache(engine, tmp_path).ensure(TEXT, seconds=1, check=False)
    assert (engine.done, list(tmp_path.iterdir())) == ([], [])


def test_the_volume_goes_only_with_its_exact_name(tmp_path: Path) -> None:
    (tmp_path / "test" / "compose").mkdir(parents=True)
    (tmp_path / "test" / COMPOSE).touch()
    engine = Engine(CONTAINER, VOLUME)
    with pytest.raises(Refusal, match=f"cache_confirm is 'data', the volume is {VOLUME}: nothing was changed"):
        cache(engine, tmp_path).remove("data", check=False)
    predicted = cache(engine, tmp_path).remove(VOLUME, check=True)
    assert predicted.facts["steps"] == [f"remove {CONTAINER}", f"remove {COMPOSE}", f"remove volume {VOLUME}"]
    assert engine.done == []
    cache(engine, tmp_path).remove("", check=False)
    assert engine.done == [("stop", CONTAINER), ("remove", CONTAINER)]
    assert not (tmp_path / "test" / COMPOSE).exists()


def test_what_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    engine = Engine(CONTAINER, environment="staging")
    for operation in (lambda one: one.remove("", check=False), lambda one: one.ensure(TEXT, seconds=1, check=True)):
        with pytest.raises(Refusal, match="belongs to environment staging: left alone"):
            operation(cache(engine, tmp_path))
    assert engine.done == []


def test_nothing_is_loaded_where_nothing_runs(tmp_path: Path) -> None:
    assert not cache(Engine(), tmp_path).reload(check=False).changed
