"""Two gateways as processes with one real Redis between them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness.gateway_process import gateway_process, has_cache
from harness.redis_process import RedisProcess, redis_process
from harness.waiting import eventually

A_MINUTE = 40


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with redis_process(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture(scope="module")
def gateways(redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    folder = tmp_path_factory.mktemp("gateways")
    with ExitStack() as stack:
        yield [stack.enter_context(gateway_process(folder, redis, REQUESTS_PER_MINUTE=str(A_MINUTE))) for _ in range(2)]


def ask(gateways: list[httpx.Client], client: str, count: int) -> Counter[int]:
    """Without a token: what is let through is answered with 401."""
    headers = {"X-Forwarded-For": client}
    return Counter(gateways[number % 2].get("/api/orders", headers=headers).status_code for number in range(count))


def test_both_share_one_limit(gateways: list[httpx.Client]) -> None:
    began = time.monotonic()
    answers = ask(gateways, "203.0.113.1", 2 * A_MINUTE)
    came_in = (time.monotonic() - began) * A_MINUTE / 60
    assert answers.keys() == {401, 429}
    # Where the machine is so busy that the cache is given up for a moment, some are counted by a gateway alone.
    assert A_MINUTE <= answers[401] <= A_MINUTE + came_in + 10


@pytest.mark.parametrize("fault", ["hung", "killed"])
def test_without_the_cache_all_goes_on_and_health_says_so(redis: RedisProcess, gateways: list[httpx.Client], fault: str) -> None:
    blue = gateways[0]
    eventually(lambda: has_cache(blue), "the cache is used")
    if fault == "hung":
        with redis.hung():
            _goes_on(gateways)
    else:
        redis.kill()
        _goes_on(gateways)
        redis.start()
    for gateway in gateways:
        eventually(partial(has_cache, gateway), "the cache is used again")


def _goes_on(gateways: list[httpx.Client]) -> None:
    blue = gateways[0]
    answers = ask(gateways, f"203.0.113.{time.time_ns()}", 4 * A_MINUTE)
    # Each counts for itself now.
    assert answers.keys() == {401, 429}
    assert answers[401] >= 2 * A_MINUTE - 1
    eventually(lambda: blue.get("/health/cache").status_code == 503, "the cache is known to be away")
    assert blue.get("/health/cache").json() == {"status": "unhealthy"}
    everything = blue.get("/health/all")
    assert everything.json()["status"] == "degraded"
    assert everything.json()["services"] == {"api": "healthy", "database": "unhealthy", "cache": "unhealthy"}
    assert "cache;dur=" in everything.headers["server-timing"]
    assert blue.get("/health").json()["status"] == "ok"


def test_the_contract_names_the_shapes(gateways: list[httpx.Client]) -> None:
    contract = gateways[0].get("/openapi.json").json()
    assert {"200", "503"} <= contract["paths"]["/health/all"]["get"]["responses"].keys()
    report = contract["components"]["schemas"]["Report"]
    assert report["properties"].keys() == {"status", "timestamp", "services", "system"}


def test_nothing_in_the_cache_tells_who_asked(redis: RedisProcess, tmp_path: Path) -> None:
    assert "203.0.113" not in redis.dump()
