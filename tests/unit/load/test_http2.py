"""Every way a stream can end is told apart, over real sockets with TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from h2.settings import SettingCodes
from unit.load import misbehaving_http2_server as misbehaving
from unit.load.misbehaving_http2_server import Behaviour, http2_server
from unit.load.misbehaving_server import server

from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, NotPossible, Target
from counting_client.report import Report, RequestsLost
from harness.throwaway_tls import make_certificates


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, [])
    return folder


def run(
    tls: Path,
    *behaviours: Behaviour,
    streams: int = 1,
    connections: int = 1,
    timeout: float = 0.3,
    body_bytes: int = 200,
    settings: dict[SettingCodes, int] | None = None,
    always: Behaviour | None = None,
) -> Report:
    async def count() -> Report:
        async with http2_server(tls / "edge", *behaviours, settings=settings, always=always) as port:
            return await CountingClient(
                ClientConfig(
                    Target(f"https://localhost:{port}/orders", str(tls / "ca.crt"), ("127.0.0.1", port)),
                    seconds=0.6,
                    busy=0,
                    http2_connections=connections,
                    http2_streams=streams,
                    rate=100,
                    timeout=timeout,
                    body_bytes=body_bytes,
                )
            ).count()

    return run_in_fast_loop(count())


def test_streams_share_connections_and_a_good_run_is_clean(tls: Path) -> None:
    report = run(tls, streams=5, connections=2)
    report.assert_nothing_lost()
    assert report.kinds["http2"].answered == report.sent == report.by_colour["blue"] == report.by_status[200] > 10
    assert report.reopened == report.refused_and_repeated == 0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (misbehaving.close, "closed"),
        (misbehaving.reset, "reset"),
        (misbehaving.reset_after_half, "reset"),
        (misbehaving.say_nothing, "timeout"),
        (misbehaving.talk_nonsense, "garbled"),
        (misbehaving.answer_for_another, "mixed up"),
        (misbehaving.take_it_and_leave, "closed"),
    ],
)
def test_a_stream_without_its_whole_answer_is_lost(tls: Path, behaviour: Behaviour, reason: str) -> None:
    report = run(tls, misbehaving.answer, behaviour)
    assert report.lost_by_reason == {reason: 1}
    assert report.unaccounted == report.refused_and_repeated == 0
    assert report.answered > 5
    with pytest.raises(RequestsLost, match=reason):
        report.assert_nothing_lost()


@pytest.mark.parametrize("behaviour", [misbehaving.refuse, misbehaving.leave_without_it])
def test_what_was_certainly_not_processed_is_sent_again_and_not_lost(tls: Path, behaviour: Behaviour) -> None:
    report = run(tls, misbehaving.answer, behaviour)
    report.assert_nothing_lost()
    assert report.refused_and_repeated == 1
    assert report.reopened == (1 if behaviour is misbehaving.leave_without_it else 0)


def test_a_server_that_leaves_answers_first_what_it_has_taken(tls: Path) -> None:
    report = run(tls, misbehaving.answer, misbehaving.leave_after_it)
    report.assert_nothing_lost()
    assert report.refused_and_repeated == 0
    assert report.reopened == 1


def test_a_request_that_is_refused_for_ever_is_lost(tls: Path) -> None:
    report = run(tls, always=misbehaving.refuse)
    assert report.lost_by_reason["refused"] > 0
    assert report.answered == report.unaccounted == 0


def test_one_stream_that_fails_leaves_the_others_alone(tls: Path) -> None:
    report = run(tls, misbehaving.answer, misbehaving.reset, misbehaving.say_nothing, streams=5)
    assert report.lost_by_reason == {"reset": 1, "timeout": 1}
    assert report.answered > 10


def test_a_connection_that_is_lost_loses_all_its_streams(tls: Path) -> None:
    nothing = [misbehaving.say_nothing] * 4
    report = run(tls, *nothing, misbehaving.close, streams=5, timeout=5)
    assert report.lost_by_reason == {"closed": 5}


def test_a_second_answer_is_a_duplicate(tls: Path) -> None:
    report = run(tls, misbehaving.answer_twice)
    assert report.duplicates == 1
    assert report.lost == 0


def test_a_bad_status_is_an_answer_and_a_fault(tls: Path) -> None:
    report = run(tls, misbehaving.fail)
    assert (report.server_errors, report.lost) == (1, 0)


def test_bodies_wait_for_the_servers_window(tls: Path) -> None:
    report = run(tls, body_bytes=100_000, settings={SettingCodes.INITIAL_WINDOW_SIZE: 1000}, timeout=5)
    report.assert_nothing_lost()


def test_a_server_that_allows_fewer_streams_says_so(tls: Path) -> None:
    report = run(tls, streams=5, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 3})
    assert report.sent == 0
    assert "allows 3 streams" in report.incidents[0].detail


def test_a_server_without_http2_says_so(tls: Path) -> None:
    async def count() -> Report:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "edge" / "tls.crt", tls / "edge" / "tls.key")
        async with server(tls=context) as port:
            target = Target(f"https://localhost:{port}/", str(tls / "ca.crt"), ("127.0.0.1", port))
            return await CountingClient(ClientConfig(target, seconds=0.3, busy=0, http2_connections=1, timeout=1)).count()

    report = run_in_fast_loop(count())
    assert report.sent == 0
    assert "does not speak HTTP/2" in report.incidents[0].detail


def test_http2_needs_tls() -> None:
    with pytest.raises(NotPossible, match="needs TLS"):
        CountingClient(ClientConfig(Target("http://localhost/"), http2_connections=1))
