"""The client as its users start it: a process with an exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from unit.load import misbehaving_server as misbehaving
from unit.load.flaky_shop import FlakyShop
from unit.load.misbehaving_server import Behaviour, server

from counting_client.client import run_in_fast_loop
from counting_client.config import Target
from counting_client.order_journal import read_journal
from counting_client.order_proof import OrderProof, prove_orders

PACKAGES = Path(__file__).resolve().parents[2] / "load"


async def start(*arguments: str | Path) -> Process:
    command = [sys.executable, "-m", "counting_client", *map(str, arguments)]
    return await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"PYTHONPATH": str(PACKAGES)}, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )


async def finish(client: Process) -> tuple[int | None, str]:
    output, errors = await client.communicate()
    return client.returncode, output.decode() + errors.decode()


def count(*behaviours: Behaviour, options: tuple[str | Path, ...] = ()) -> tuple[int | None, str]:
    async def run() -> tuple[int | None, str]:
        async with server(*behaviours) as port:
            url = f"http://127.0.0.1:{port}/"
            return await finish(await start("count", url, "--seconds", "0.5", "--busy", "2", "--rate", "50", "--timeout", "1", *options))

    return run_in_fast_loop(run())


def test_a_clean_run_exits_0_and_leaves_its_results(tmp_path: Path) -> None:
    files = ("--json", tmp_path / "result.json", "--html", tmp_path / "result.html")
    switching = (
        "--weights",
        "blue=100,green=0",
        "--switch-command",
        "test {colour} = blue",
        "--switch-every",
        "0.3",
        "--switch-colours",
        "blue",
    )
    code, output = count(options=(*files, *switching, "--live", "--header", "X-Shop: a: b"))
    assert code == 0, output
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["answered"] == result["sent"] > 0
    assert result["switches"][0]["error"] == ""
    assert "nothing was lost" in (tmp_path / "result.html").read_text()


def test_every_kind_can_be_asked_for_at_once() -> None:
    kinds = ("--idle", "2", "--websockets", "1", "--event-streams", "1", "--uploads", "1", "--upload-seconds", "0.2", "--keyed")
    code, output = count(options=kinds)
    # The server echoes no messages and has no events, which is what the client says.
    assert code == 1
    for kind in ("busy", "idle", "upload", "websocket", "event stream"):
        assert f"\n  {kind} " in output
    assert "lost: no session" in output


def test_a_loss_exits_1_and_says_which() -> None:
    code, output = count(misbehaving.reset)
    assert code == 1
    assert "lost: reset" in output
    assert "Traceback" not in output


def test_ctrl_c_ends_the_run_with_its_report() -> None:
    async def interrupt() -> tuple[int | None, str]:
        async with server() as port:
            client = await start("count", f"http://127.0.0.1:{port}/", "--seconds", "600", "--busy", "2", "--rate", "50", "--live")
            assert client.stderr is not None
            await client.stderr.readline()
            client.send_signal(signal.SIGINT)
            return await finish(client)

    code, output = run_in_fast_loop(interrupt())
    assert code == 0, output
    assert "answered" in output


def test_a_killed_client_still_knows_what_was_acknowledged(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async def kill() -> OrderProof:
        shop = FlakyShop()
        async with shop.open() as url:
            client = await start("orders", url, "--journal", journal, "--seconds", "600", "--customers", "4")
            async with asyncio.timeout(20):
                while len(shop.orders) < 50:
                    await asyncio.sleep(0.01)
            client.kill()
            await client.wait()
            return await prove_orders(Target(url), read_journal(journal), deadline=5)

    proof = run_in_fast_loop(kill())
    proof.assert_all_there()
    assert proof.acknowledged > 20


def test_orders_are_placed_and_then_proved(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async def place_and_verify() -> list[tuple[int | None, str]]:
        async with FlakyShop(drop_every=9).open() as url:
            placed = await finish(await start("orders", url, "--journal", journal, "--seconds", "0.5", "--orders", "50"))
            return [placed, await finish(await start("verify", url, "--journal", journal, "--seconds", "5"))]

    placed, verified = run_in_fast_loop(place_and_verify())
    assert placed[0] == 0, placed[1]
    assert verified[0] == 0, verified[1]
    assert "acknowledged orders are there" in verified[1]


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    async def make_mistakes() -> list[tuple[int | None, str]]:
        return [
            await finish(await start("count", "localhost:443")),
            await finish(await start("count", "https://localhost/", "--ca", tmp_path / "nothing")),
            await finish(await start("verify", "http://localhost/", "--journal", tmp_path / "nothing")),
            await finish(await start("count", "http://localhost/", "--http2", "1x1")),
            await finish(await start("count", "http://localhost/", "--http2", "nothing")),
            await finish(await start("count", "http://localhost/", "--weights", "nothing")),
            await finish(await start("count", "http://localhost/", "--header", "nothing")),
            await finish(await start("count", "http://localhost/", "--connect-to", "nothing")),
        ]

    for code, output in run_in_fast_loop(make_mistakes()):
        assert code == 2
        assert "Traceback" not in output
        assert any(reason in output for reason in ("nothing", "is no URL", "HTTP/2 needs TLS"))
        assert len([line for line in output.splitlines() if line.startswith("counting_client")]) == 1
