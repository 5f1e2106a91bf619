"""Every way a long-lived session can end is told apart, over real sockets."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import websockets.asyncio.server
from unit.load import session_server as sessions
from unit.load.session_server import Behaviour, events, session_server

from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, Target
from counting_client.report import Report, RequestsLost

# A busy machine may let the first one begin late: there is room for it and for the session that follows.
SEVERAL_TIMEOUTS = 3.5


def run(server: AbstractAsyncContextManager[int], seconds: float = 1.4, timeout: float = 0.7, **profile: Any) -> Report:
    async def count() -> Report:
        async with server as port:
            target = Target(f"http://127.0.0.1:{port}/live")
            config = ClientConfig(target, seconds=seconds, timeout=timeout, busy=0, message_every=0.05, **profile)
            return await CountingClient(config).count()

    return run_in_fast_loop(count())


def talk(*behaviours: Behaviour, websockets: int = 1, seconds: float = 1.4) -> Report:
    return run(session_server(*behaviours, always=sessions.echo), seconds, websockets=websockets)


def listen(*behaviours: Behaviour, always: Behaviour | None = None, seconds: float = 1.4) -> Report:
    return run(session_server(*behaviours, always=always or events(*range(1000), end=False)), seconds, event_streams=1)


def test_a_session_that_echoes_everything_is_clean() -> None:
    report = talk(websockets=3)
    report.assert_nothing_lost()
    assert report.sessions["websocket"].opened == report.by_status[101] == report.by_colour["blue"] == 3
    assert report.kinds["message"].answered == report.kinds["message"].sent > 10


def test_a_server_made_by_others_is_understood() -> None:
    async def count() -> Report:
        async def serve(socket: websockets.asyncio.server.ServerConnection) -> None:
            await socket.ping()
            async for message in socket:
                await socket.send(message)

        async with websockets.asyncio.server.serve(serve, "127.0.0.1", 0, ping_interval=0.05) as server:
            target = Target(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/live")
            return await CountingClient(ClientConfig(target, seconds=0.8, busy=0, websockets=3, message_every=0.05)).count()

    report = run_in_fast_loop(count())
    report.assert_nothing_lost()
    assert report.kinds["message"].answered > 10


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [(sessions.hang_up_on_the_first_message, "closed"), (sessions.echo_nothing, "timeout")],
)
def test_a_message_without_its_echo_is_lost_and_its_session_broken(behaviour: Behaviour, reason: str) -> None:
    report = talk(behaviour, seconds=SEVERAL_TIMEOUTS)
    assert report.kinds["message"].lost_by_reason == {reason: 1}
    assert report.faults["broken sessions"] == 1
    assert report.sessions["websocket"].breaks[0].detail.startswith(reason)
    # It goes on in a new session.
    assert report.sessions["websocket"].opened == 2
    assert report.kinds["message"].answered > 1
    assert report.unaccounted == 0
    with pytest.raises(RequestsLost, match=r"websocket broke before any switch .*\[websocket 0\]"):
        report.assert_nothing_lost()


@pytest.mark.parametrize(
    ("behaviour", "detail"), [(sessions.say_farewell, "closed the session with code 1012"), (sessions.talk_nonsense, "garbled")]
)
def test_a_session_that_ends_between_two_messages_is_broken_too(behaviour: Behaviour, detail: str) -> None:
    report = talk(behaviour)
    assert report.faults["broken sessions"] == 1
    assert detail in report.sessions["websocket"].breaks[0].detail


@pytest.mark.parametrize(("behaviour", "kind"), [(sessions.echo_twice, "duplicates"), (sessions.echo_another, "lost")])
def test_a_wrong_echo_is_told(behaviour: Behaviour, kind: str) -> None:
    report = talk(behaviour)
    assert report.faults[kind] > 0
    assert report.faults["broken sessions"] == report.unaccounted == 0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [(sessions.accept_wrongly, "no session"), (sessions.hang_up, "closed")],
)
def test_a_session_that_is_not_opened_is_a_lost_request(behaviour: Behaviour, reason: str) -> None:
    report = talk(behaviour)
    assert report.kinds["websocket"].lost_by_reason == {reason: 1}
    assert report.sessions["websocket"].opened == 1
    assert report.faults["broken sessions"] == 0


def test_a_refused_session_is_an_answer_with_a_bad_status_and_tried_again() -> None:
    report = talk(sessions.refuse)
    assert (report.server_errors, report.lost) == (1, 0)
    assert report.sessions["websocket"].opened == 1


def test_a_stream_of_events_is_clean() -> None:
    report = listen()
    report.assert_nothing_lost()
    assert report.sessions["event stream"].opened == report.kinds["event stream"].answered == 1
    assert report.sessions["event stream"].events > 10


def test_a_stream_without_chunks_is_read_too() -> None:
    report = listen(always=events(*range(1000), in_chunks=False, end=False))
    report.assert_nothing_lost()
    assert report.sessions["event stream"].events > 10


@pytest.mark.parametrize(
    ("numbers", "missed", "repeated"),
    [((1, 2, 5, 6), 2, 0), ((1, 2, 2, 3), 0, 1), ((1, 2, 3, 2, 4), 0, 1)],
)
def test_gaps_and_repetitions_are_counted(numbers: tuple[int, ...], missed: int, repeated: int) -> None:
    report = listen(events(*numbers, end=False, every=0.05), seconds=0.6)
    assert report.faults["missed events"] == missed
    assert report.faults["repeated events"] == repeated


@pytest.mark.parametrize("in_chunks", [True, False])
def test_a_stream_that_ends_is_broken_and_what_came_meanwhile_is_missed(in_chunks: bool) -> None:
    report = listen(events(1, 2, 3, in_chunks=in_chunks), always=events(*range(7, 1000), end=False))
    assert report.sessions["event stream"].opened == 2
    assert report.faults["broken sessions"] == 1
    assert report.faults["missed events"] == 3


def test_a_stream_that_falls_silent_is_broken() -> None:
    report = listen(events(1, end=False), seconds=SEVERAL_TIMEOUTS)
    assert report.faults["broken sessions"] == 1
    assert "nothing came for 0.7 s" in report.sessions["event stream"].breaks[0].detail


def test_a_page_is_no_stream_of_events() -> None:
    report = listen(sessions.answer_as_any_page)
    assert report.kinds["event stream"].lost_by_reason == {"no session": 1}
