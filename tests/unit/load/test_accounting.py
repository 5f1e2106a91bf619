"""Every way a request can end is told apart, over real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest
from unit.load import misbehaving_server as misbehaving
from unit.load.misbehaving_server import Behaviour, server

from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, Target
from counting_client.report import Report, RequestsLost


def run(*behaviours: Behaviour, busy: int = 1, timeout: float = 0.3, weights: dict[str, int] | None = None) -> Report:
    async def count() -> Report:
        async with server(*behaviours) as port:
            target = Target(f"http://127.0.0.1:{port}/orders")
            return await CountingClient(
                ClientConfig(target, seconds=0.6, busy=busy, rate=100, timeout=timeout, weights=weights or {})
            ).count()

    return run_in_fast_loop(count())


def test_a_good_run_is_clean() -> None:
    report = run()
    report.assert_nothing_lost()
    assert report.answered == report.sent == report.by_colour["blue"] == report.by_status[200] > 10
    assert report.reopened == 0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (misbehaving.close, "closed"),
        (misbehaving.close_after_half, "closed"),
        (misbehaving.reset, "reset"),
        (misbehaving.say_nothing, "timeout"),
        (misbehaving.talk_nonsense, "garbled"),
        (misbehaving.answer_for_another, "mixed up"),
    ],
)
def test_a_request_without_its_whole_answer_is_lost(behaviour: Behaviour, reason: str) -> None:
    report = run(misbehaving.answer, behaviour)
    assert report.lost_by_reason == {reason: 1}
    assert report.unaccounted == 0
    assert report.incidents[0].kind == f"lost: {reason}"
    with pytest.raises(RequestsLost, match=reason):
        report.assert_nothing_lost()


def test_the_client_goes_on_after_a_loss() -> None:
    report = run(misbehaving.reset, misbehaving.close)
    assert report.lost == 2
    assert report.answered > 10
    assert report.reopened == 2


@pytest.mark.parametrize(
    ("behaviour", "status", "fault"), [(misbehaving.fail, 502, "5xx"), (misbehaving.forbid, 403, "other bad statuses")]
)
def test_a_bad_status_is_an_answer_and_a_fault(behaviour: Behaviour, status: int, fault: str) -> None:
    report = run(behaviour)
    assert report.by_status[status] == 1
    assert report.lost == 0
    assert report.faults[fault] == 1
    with pytest.raises(RequestsLost):
        report.assert_nothing_lost()


def test_a_second_answer_is_a_duplicate() -> None:
    report = run(misbehaving.answer_twice)
    assert report.duplicates == 1
    with pytest.raises(RequestsLost, match="duplicate"):
        report.assert_nothing_lost()


def test_a_connection_that_was_closed_while_unused_is_reopened_and_nothing_is_lost() -> None:
    report = run(misbehaving.answer_then_close)
    report.assert_nothing_lost()
    assert report.reopened == 1


def test_nobody_listening_is_a_connect_failure_and_no_loss() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    report = CountingClient(ClientConfig(Target(f"http://127.0.0.1:{port}/"), seconds=0.2, busy=1, timeout=0.2)).run()
    assert report.connect_failures > 0
    assert report.sent == report.lost == report.unaccounted == 0
    with pytest.raises(RequestsLost):
        report.assert_nothing_lost()


def test_an_answer_of_a_colour_without_traffic_is_wrong() -> None:
    report = run(weights={"blue": 0, "green": 100})
    assert report.wrong_colour == report.answered
    with pytest.raises(RequestsLost, match="wrong colour"):
        report.assert_nothing_lost()


def test_idle_connections_send_after_their_pauses() -> None:
    async def count() -> Report:
        async with server() as port:
            config = ClientConfig(Target(f"http://127.0.0.1:{port}/"), seconds=8.5, busy=1, idle=4, longest_pause=5.0, rate=20)
            return await CountingClient(config).count()

    report = run_in_fast_loop(count())
    report.assert_nothing_lost()
    assert report.pauses[0] >= 4


def test_a_run_goes_on_until_there_were_enough_requests() -> None:
    async def count(*behaviours: Behaviour, always: Behaviour = misbehaving.answer) -> Report:
        async with server(*behaviours, always=always) as port:
            target = Target(f"http://127.0.0.1:{port}/")
            return await CountingClient(ClientConfig(target, seconds=0.1, requests=60, busy=1, rate=100, timeout=0.3)).count()

    assert run_in_fast_loop(count()).answered >= 60
    # But not for ever.
    given_up = run_in_fast_loop(count(misbehaving.answer, always=misbehaving.say_nothing))
    assert given_up.answered == 1


def test_stopping_early_waits_for_what_is_out() -> None:
    async def slowly(writer: asyncio.StreamWriter, request_id: str) -> None:
        await asyncio.sleep(0.3)
        await misbehaving.answer(writer, request_id)

    async def count() -> Report:
        async with server(slowly, slowly) as port:
            client = CountingClient(ClientConfig(Target(f"http://127.0.0.1:{port}/"), seconds=60, busy=2, timeout=5))
            asyncio.get_running_loop().call_later(0.1, client.stop)
            return await client.count()

    report = run_in_fast_loop(count())
    report.assert_nothing_lost()
    assert report.answered == 2
    assert report.seconds < 5
