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
from counting_client.config import ClientConfig, Target
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
    except (OSError, GaveUp) as error:
        print(f"counting_client: {error}", file=sys.stderr)
        return 2


def _count(options: argparse.Namespace) -> int:
    client = CountingClient(
        ClientConfig(
            _target(options),
            seconds=options.seconds,
            busy=options.busy,
            idle=options.idle,
            longest_pause=options.longest_pause,
            rate=options.rate,
            timeout=options.timeout,
            seed=options.seed,
            headers=dict(header.split(": ", 1) for header in options.header),
            weights=_weights(options.weights),
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
            weights=_weights(options.weights),
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
    connect_to = None
    if options.connect_to:
        parts = urlsplit(f"//{options.connect_to}")
        connect_to = (str(parts.hostname), int(parts.port or 443))
    return Target(options.url, options.ca, connect_to)


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
    return {colour: int(weight) for colour, weight in (pair.split("=") for pair in text.split(",") if pair)}


def _live(options: argparse.Namespace) -> bool:
    return bool(options.live or sys.stderr.isatty())


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.json:
        report.write_json(options.json)
    if options.html:
        write_picture(report, options.html)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="counting_client", description="Counts every request it sends. Exits 1 when one was lost.")
    modes = parser.add_subparsers(required=True)
    count = modes.add_parser("count", help="POST as fast as allowed and account for every request")
    count.set_defaults(run=_count)
    count.add_argument("--busy", type=int, default=50, help="connections that are always at work (%(default)s)")
    count.add_argument("--idle", type=int, default=0, help="connections that are quiet between requests (%(default)s)")
    count.add_argument("--longest-pause", type=float, default=70.0, help="seconds an idle connection is quiet at most (%(default)s)")
    count.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="sent with every request")
    orders = modes.add_parser("orders", help="place whole orders and record what was acknowledged")
    orders.set_defaults(run=_orders)
    orders.add_argument("--orders", type=int, default=0, help="go on until so many were placed (%(default)s)")
    orders.add_argument("--customers", type=int, default=10, help="customers, each with a connection (%(default)s)")
    verify = modes.add_parser("verify", help="prove that every acknowledged order is there, once, and processed")
    verify.set_defaults(run=_verify)
    for mode in (orders, verify):
        mode.add_argument("--journal", type=Path, required=True, help="file of acknowledged orders")
    for mode in (count, orders, verify):
        mode.add_argument("url", type=_url)
        mode.add_argument("--ca", default="", help="file of CA certificates to trust instead of the machine's")
        mode.add_argument("--connect-to", default="", metavar="HOST:PORT", help="connect there, not to the URL's host")
        mode.add_argument("--seconds", type=float, default=30.0, help="how long; for verify: how long to wait (%(default)s)")
        mode.add_argument("--timeout", type=float, default=20.0, help="seconds after which an answer counts as lost (%(default)s)")
    for mode in (count, orders):
        mode.add_argument("--rate", type=float, default=0.0, help="a second, all connections together; 0 is as many as possible")
        mode.add_argument("--seed", type=int, default=1)
        mode.add_argument("--weights", default="", metavar="blue=100,green=0", help="who has traffic at the start")
        mode.add_argument("--switch-command", default="", help="shell command that switches to {colour}")
        mode.add_argument("--switch-every", type=float, default=5.0, metavar="SECONDS")
        mode.add_argument("--switch-colours", default="green,blue", help="in turn (%(default)s)")
        mode.add_argument("--live", action="store_true", help="a line a second, also without a terminal")
        mode.add_argument("--json", type=Path, help="write the result here")
        mode.add_argument("--html", type=Path, help="write the picture here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
