"""python -m counting_client count|orders|verify URL ..."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, NotPossible, Target
from counting_client.order_proof import verify_orders
from counting_client.orders import OrdersClient, OrdersConfig, OrdersReport
from counting_client.patient_caller import GaveUp
from counting_client.picture import write_picture
from counting_client.report import Report
from counting_client.switch_driver import PlannedSwitch, command


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except AssertionError as failure:
        print(failure, file=sys.stderr)
        return 1
    except (OSError, NotPossible, GaveUp) as error:
        print(f"counting_client: {error}", file=sys.stderr)
        return 2


def _count(options: argparse.Namespace) -> int:
    client = CountingClient(
        ClientConfig(
            _target(options),
            seconds=options.seconds,
            requests=options.requests,
            busy=options.busy,
            idle=options.idle,
            longest_pause=options.longest_pause,
            http2_connections=options.http2[0],
            http2_streams=options.http2[1],
            websockets=options.websockets,
            message_every=options.message_every,
            event_streams=options.event_streams,
            uploads=options.uploads,
            upload_seconds=options.upload_seconds,
            upload_bytes=options.upload_bytes,
            websocket_path=options.websocket_path,
            event_path=options.event_path,
            upload_path=options.upload_path,
            keyed=options.keyed,
            around=options.around / 1e3,
            rate=options.rate,
            timeout=options.timeout,
            seed=options.seed,
            headers=dict(options.header),
            weights=options.weights,
            live=_live(options),
        ),
        _switches(options),
    )
    report = run_in_fast_loop(_until_interrupted(client))
    assert isinstance(report, Report)
    _write(report, options)
    print(report.table())
    report.assert_nothing_lost()
    return 0


def _orders(options: argparse.Namespace) -> int:
    client = OrdersClient(
        OrdersConfig(
            _target(options),
            options.journal,
            seconds=options.seconds,
            orders=options.orders,
            customers=options.customers,
            rate=options.rate,
            timeout=options.timeout,
            seed=options.seed,
            weights=options.weights,
            live=_live(options),
        ),
        _switches(options),
    )
    report = run_in_fast_loop(_until_interrupted(client))
    assert isinstance(report, OrdersReport)
    _write(report.attempts, options)
    print(report.table())
    report.assert_every_order_acknowledged()
    return 0


def _verify(options: argparse.Namespace) -> int:
    proof = verify_orders(_target(options), options.journal, options.seconds, options.timeout)
    proof.assert_all_there()
    print(f"all {proof.acknowledged:,} acknowledged orders are there, once, and processed")
    return 0


async def _until_interrupted(client: CountingClient | OrdersClient) -> Report | OrdersReport:
    """The first Ctrl-C ends the run early, with its report."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, client.stop)
    return await client.count()


def _target(options: argparse.Namespace) -> Target:
    return Target(options.url, options.ca, options.connect_to)


def _switches(options: argparse.Namespace) -> list[PlannedSwitch]:
    """The command is run every so often, `{colour}` being each of the colours in turn."""
    if not options.switch_command:
        return []
    colours = options.switch_colours.split(",")
    turns = cycle(colours)
    times = [options.switch_every * turn for turn in range(1, int(options.seconds / options.switch_every) + 1)]
    plan = []
    for at in times:
        colour = next(turns)
        weights = {other: 100 if other == colour else 0 for other in colours}
        plan.append(PlannedSwitch(at, command(options.switch_command.replace("{colour}", colour), weights)))
    return plan


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"'{text}' is no URL such as https://localhost/api/orders")
    return text


def _weights(text: str) -> dict[str, int]:
    try:
        return {colour: int(weight) for colour, weight in (pair.split("=") for pair in text.split(",") if pair)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not like blue=100,green=0") from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not like 'Name: value'")
    return name.strip(), value.strip()


def _http2(text: str) -> tuple[int, int]:
    connections, times, streams = text.partition("x")
    if not times or not connections.isdigit() or not streams.isdigit() or int(streams) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not like 10x20: connections x streams on each of them")
    return int(connections), int(streams)


def _connect_to(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not like 127.0.0.1:443")
    return parts.hostname, port


def _live(options: argparse.Namespace) -> bool:
    return bool(options.live or sys.stderr.isatty())


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.json:
        report.write_json(options.json)
    if options.html:
        write_picture(report, options.html)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="counting_client", description="Counts every request it sends. Exits 1 when one was lost.")
    modes = parser.add_subparsers(required=True, metavar="count | orders | verify")
    count = modes.add_parser("count", help="send requests of many kinds as fast as allowed and account for every one of them")
    count.set_defaults(run=_count)
    _add_profile(count)
    orders = modes.add_parser("orders", help="place whole orders and record what was acknowledged")
    orders.set_defaults(run=_orders)
    orders.add_argument("--orders", type=int, default=0, help="go on until so many were placed (%(default)s)")
    orders.add_argument("--customers", type=int, default=10, help="customers, each with a connection (%(default)s)")
    verify = modes.add_parser("verify", help="prove that every acknowledged order is there, once, and processed")
    verify.set_defaults(run=_verify)
    for mode in (orders, verify):
        mode.add_argument("--journal", type=Path, required=True, help="file of acknowledged orders")
    for mode in (count, orders, verify):
        _add_target(mode)
    for mode in (count, orders):
        _add_switches(mode)
        _add_output(mode)
    return parser


def _add_target(mode: argparse.ArgumentParser) -> None:
    mode.add_argument("url", type=_url)
    mode.add_argument("--ca", default="", help="file of CA certificates to trust instead of the machine's")
    mode.add_argument("--connect-to", type=_connect_to, metavar="HOST:PORT", help="connect there, not to the URL's host")
    mode.add_argument("--seconds", type=float, default=30.0, help="how long; for verify: how long to wait (%(default)s)")
    mode.add_argument("--timeout", type=float, default=20.0, help="seconds after which an answer counts as lost (%(default)s)")


def _add_profile(count: argparse.ArgumentParser) -> None:
    profile = count.add_argument_group("profile", "who sends; everything goes on at the same time")
    profile.add_argument("--busy", type=int, default=50, metavar="N", help="HTTP/1.1 connections that are always at work (%(default)s)")
    profile.add_argument("--idle", type=int, default=0, metavar="N", help="connections that are quiet between requests (%(default)s)")
    profile.add_argument(
        "--longest-pause", type=float, default=70.0, metavar="SECONDS", help="an idle connection is quiet at most so long (%(default)s)"
    )
    profile.add_argument("--http2", type=_http2, default=(0, 10), metavar="10x20", help="HTTP/2 connections x busy streams on each")
    profile.add_argument("--websockets", type=int, default=0, metavar="N", help="sessions whose messages want their echo (%(default)s)")
    profile.add_argument("--message-every", type=float, default=1.0, metavar="SECONDS", help="on each WebSocket (%(default)s)")
    profile.add_argument("--event-streams", type=int, default=0, metavar="N", help="sessions that listen to numbered events (%(default)s)")
    profile.add_argument("--uploads", type=int, default=0, metavar="N", help="connections that always send a slow body (%(default)s)")
    profile.add_argument("--upload-seconds", type=float, default=30.0, metavar="SECONDS", help="that a body takes (%(default)s)")
    profile.add_argument("--upload-bytes", type=int, default=64 * 1024, metavar="N", help="size of a body (%(default)s)")
    for kind in ("websocket", "event", "upload"):
        profile.add_argument(f"--{kind}-path", default="", metavar="PATH", help="where it is not the URL's")
    requests = count.add_argument_group("requests")
    requests.add_argument("--header", type=_header, action="append", default=[], metavar="'NAME: VALUE'", help="sent with every request")
    requests.add_argument("--keyed", action="store_true", help="send each request's id as its Idempotency-Key, too")
    requests.add_argument("--requests", type=int, default=0, metavar="N", help="go on after --seconds until so many are answered")
    count.add_argument(
        "--around", type=float, default=250.0, metavar="MS", help="latencies so near to a switch are reported apart (%(default)s)"
    )


def _add_switches(mode: argparse.ArgumentParser) -> None:
    switches = mode.add_argument_group("switches")
    switches.add_argument("--weights", type=_weights, default={}, metavar="blue=100,green=0", help="who has traffic at the start")
    switches.add_argument("--switch-command", default="", help="shell command that switches to {colour}")
    switches.add_argument("--switch-every", type=float, default=5.0, metavar="SECONDS")
    switches.add_argument("--switch-colours", default="green,blue", help="in turn (%(default)s)")


def _add_output(mode: argparse.ArgumentParser) -> None:
    mode.add_argument("--rate", type=float, default=0.0, help="a second, all who are busy together; 0 is as many as possible")
    mode.add_argument("--seed", type=int, default=1, help="of everything that is drawn by lot (%(default)s)")
    mode.add_argument("--live", action="store_true", help="a line a second, also without a terminal")
    mode.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    mode.add_argument("--html", type=Path, metavar="FILE", help="write the picture here")


if __name__ == "__main__":
    sys.exit(main())
