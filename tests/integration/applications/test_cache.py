"""The cache as both colours use it, with a real Redis: what they share, what it costs when it is away, and what must never be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api_gateway.rate_limit import RateLimit
from api_gateway.shared_limit import SharedLimit
from harness.redis_process import RedisProcess, redis_process, soon
from orders import cache as cache_module
from orders import order_cache
from orders.cache import Cache, CacheAway
from orders.cache_connections import LEAST, MOST, Connections
from orders.order_cache import OrderCache

ANNA, BERT = "0a", "0b"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with redis_process(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture(autouse=True)
def _empty(redis: RedisProcess) -> None:
    redis.cli("FLUSHALL")
    redis.cli("CLIENT", "KILL", "USER", "app_user")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not about time: a machine that is busy with something else changes nothing then."""
    monkeypatch.setattr(cache_module, "LIMIT_SECONDS", 5.0)


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is believed as soon as it is there."""
    monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 0.0)


@asynccontextmanager
async def caches(redis: RedisProcess, count: int = 2) -> AsyncIterator[list[Cache]]:
    """One for each process that uses it."""
    made = [Cache(redis.settings) for _ in range(count)]
    for each in made:
        await each.start()
    await soon(lambda: all(each.is_available for each in made), "the cache is there")
    yield made
    for each in made:
        await each.stop()


def limit(cache: Cache, per_minute: int, name: str = "rate:requests") -> SharedLimit:
    return SharedLimit(name, RateLimit(per_minute), cache)


async def seconds_of(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def test_who_waits_for_connections_that_are_given_up_learns_it_at_once(redis: RedisProcess) -> None:
    async def scenario() -> None:
        connections = Connections(redis.settings)
        await connections.open()
        held = [await connections.wait_for_one() for _ in range(LEAST)]
        waiting = [asyncio.create_task(connections.wait_for_one()) for _ in range(3)]
        await asyncio.sleep(0)
        # The first is told to take it, and before it does, all are given up.
        connections.give_back(held.pop())
        connections.close()
        async with asyncio.timeout(5):
            assert [type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)] == [ConnectionError] * 3
        connections.give_back(held.pop())

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient")
def test_two_gateways_count_together(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis) as (blue, green):
            one, other = limit(blue, 6), limit(green, 6)
            assert [await each.take("a") for each in [one, other] * 3] == [0] * 6
            assert [await each.take("a") for each in (one, other)] == [10, 10]
            assert await other.take("b") == 0
            assert await limit(blue, 6, "login").take("a") == 0
            await one.give_back("a")
            assert await other.take("a") == 0
            assert await one.take("a") > 0

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient")
def test_a_shared_bucket_fills_evenly_and_not_beyond_its_limit(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis) as (blue, green):
            one, other = limit(blue, 60), limit(green, 60)
            await one.give_back("a")
            began = time.monotonic()
            at_once = await asyncio.gather(*[each.take("a") for each in [one, other] * 60])
            # One comes in each second.
            assert 60 <= at_once.count(0) <= 61 + time.monotonic() - began
            await soon(lambda: _may(other, "a"), "another token came in")

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient")
def test_ten_connections_are_the_most(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis, 1) as (cache,):
            assert cache._connections is not None
            assert cache._connections.count == LEAST

            async def busy() -> bool:
                await asyncio.gather(*[cache.ask(("PING",)) for _ in range(100)])
                return cache._connections is not None and cache._connections.count == MOST

            await soon(busy, "as many connections as there may be")
            await asyncio.gather(*[cache.ask(("PING",)) for _ in range(500)])
            assert redis.cli("CLIENT", "LIST").count("user=app_user") == MOST, redis.cli("CLIENT", "LIST")

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["hung", "killed"])
def test_a_cache_that_is_away_costs_one_limit_and_comes_back_by_itself(redis: RedisProcess, fault: str) -> None:
    async def scenario() -> None:
        async with caches(redis, 1) as (cache,):
            shared = limit(cache, 3)
            await soon(lambda: cache.is_available, "the cache is there")
            if fault == "hung":
                with redis.hung():
                    await _goes_on_without(cache, shared)
            else:
                redis.kill()
                await _goes_on_without(cache, shared)
                redis.start()
            await soon(lambda: cache.is_available, "the cache is used again")
            await soon(lambda: _counted_in(redis, shared), "the limit is counted there again")

    asyncio.run(scenario())


async def _goes_on_without(cache: Cache, shared: SharedLimit) -> None:
    # Twice the limit, should this process be slow; and what the machine does beside.
    assert await seconds_of(lambda: shared.take("a")) < 2 * cache_module.LIMIT_SECONDS + 0.2
    assert not cache.is_available
    costs = sorted([await seconds_of(lambda: shared.take("b")) for _ in range(101)])
    assert costs[50] < 0.001
    assert await shared.take("b") > 0, "each counts for itself meanwhile"
    # Nobody waits for attempts to reach it either.
    await asyncio.sleep(0.3)
    assert not cache.is_available
    with pytest.raises(CacheAway):
        await cache.ask(("PING",))
    assert not await cache.answers()


@pytest.mark.usefixtures("patient", "believing")
def test_what_one_read_the_other_finds_until_the_customer_changes_something(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis) as both:
            blue, green = map(OrderCache, both)
            look = await blue.look(ANNA)
            assert look.found is None
            await blue.keep(look, b"one order")
            assert (await green.look(ANNA)).found == b"one order"
            assert (await green.look(BERT)).found is None
            assert (await green.look(ANNA, "an-order")).found is None
            await green.forget([ANNA])
            assert (await blue.look(ANNA)).found is None

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient", "believing")
def test_what_was_read_before_a_change_is_not_shown_after_it_however_late_it_is_stored(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis) as both:
            blue, green = map(OrderCache, both)
            before = await blue.look(ANNA)
            # Here blue reads the database; then an order is committed by green.
            await green.forget([ANNA])
            await blue.keep(before, b"no order")
            after = await green.look(ANNA)
            assert after.found is None
            await green.keep(after, b"one order")
            await blue.keep(before, b"no order")
            assert (await green.look(ANNA)).found in (None, b"one order")
            assert (await green.look(ANNA)).found != b"no order"

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient", "believing")
def test_two_who_begin_to_read_at_once_do_not_store_under_different_marks(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis) as both:
            looks = await asyncio.gather(*[OrderCache(each).look(ANNA) for each in both * 5])
            assert len({look.mark for look in looks if look.mark}) == 1

    asyncio.run(scenario())


def test_a_change_that_the_cache_did_not_hear_of_is_seen_all_the_same(redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """By who made it at once, by the others as soon as the cache is back."""

    async def scenario() -> None:
        async with caches(redis) as both:
            blue, green = map(OrderCache, both)
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 0.0)
            monkeypatch.setattr(cache_module, "LIMIT_SECONDS", 5.0)
            await blue.keep(await blue.look(ANNA), b"no order")
            assert (await green.look(ANNA)).found == b"no order"
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 60.0)
            with redis.hung():
                monkeypatch.setattr(cache_module, "LIMIT_SECONDS", 0.02)
                await blue.forget([ANNA])
                assert not both[0].is_available
                monkeypatch.setattr(cache_module, "LIMIT_SECONDS", 5.0)
            await soon(lambda: both[0].is_available, "blue has the cache back")
            assert (await blue.look(ANNA)).found is None
            # Green noticed nothing, and believes what it sees.
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 0.0)
            assert (await green.look(ANNA)).found is None

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient")
def test_a_cache_that_comes_back_with_an_older_state_is_not_believed(redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of what it was told is lost when it crashes: also that an order changed."""

    async def scenario() -> None:
        async with caches(redis, 1) as (cache,):
            orders = OrderCache(cache)
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 0.0)
            old = await orders.look(ANNA)
            await orders.keep(old, b"no order")
            assert (await orders.look(ANNA)).found == b"no order"
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 60.0)
            redis.kill()
            redis.start()
            await soon(cache.answers, "the cache is back")
            assert (await orders.look(ANNA)).found is None
            monkeypatch.setattr(order_cache, "DISBELIEVED_SECONDS", 0.0)
            # Who began to read before it went does not store in what came back.
            await orders.keep(old, b"no order at all")
            assert "at all" not in redis.dump()

    asyncio.run(scenario())


@pytest.mark.usefixtures("patient", "believing")
def test_every_key_ends_by_itself(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis, 1) as (cache,):
            orders = OrderCache(cache)
            await limit(cache, 5).take("203.0.113.9")
            await limit(cache, 5, "login").take("203.0.113.9")
            await orders.keep(await orders.look(ANNA), b"[]")
            await orders.keep(await orders.look(ANNA, "an-order"), b"[]")
            # Who has much is read from the database each time.
            await orders.keep(await orders.look(BERT), b" " * 100_000)

    asyncio.run(scenario())
    keys = redis.keys()
    assert len(keys) == 6
    assert {key.partition(":")[0] for key in keys} == {"rate", "login", "order"}
    lifetimes = [int(redis.cli("TTL", key).rpartition(" ")[2]) for key in keys]
    assert all(0 < lifetime <= 61 for lifetime in lifetimes)
    assert "203.0.113" not in redis.dump()


def test_a_password_that_changed_is_read_anew(redis: RedisProcess) -> None:
    async def scenario() -> None:
        async with caches(redis, 1) as (cache,):
            redis.cli("ACL", "SETUSER", "app_user", "resetpass", ">another")
            redis.cli("CLIENT", "KILL", "USER", "app_user")
            await soon(lambda: _is_away(cache), "the cache refuses")
            redis.settings.password_file.write_text("another\n")
            await soon(cache.answers, "the cache is used with the new password")

    try:
        asyncio.run(scenario())
    finally:
        redis.settings.password_file.write_text(redis.password)
        redis.cli("ACL", "SETUSER", "app_user", "resetpass", f">{redis.password}")


async def _is_away(cache: Cache) -> bool:
    return not await cache.answers()


async def _may(limit: SharedLimit, client: str) -> bool:
    return await limit.take(client) == 0


async def _counted_in(redis: RedisProcess, limit: SharedLimit) -> bool:
    await limit.take("somebody")
    return bool(redis.keys())
