from __future__ import annotations

import time

from unit.load.misbehaving_server import server

from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, Target
from counting_client.report import Report
from counting_client.switch_driver import Committed, PlannedSwitch, command, every

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


def run(plan: list[PlannedSwitch], weights: dict[str, int] = BLUE) -> Report:
    """The server always answers as blue."""

    async def count() -> Report:
        async with server() as port:
            config = ClientConfig(Target(f"http://127.0.0.1:{port}/"), seconds=1.0, busy=2, rate=200, weights=weights)
            return await CountingClient(config, plan).count()

    return run_in_fast_loop(count())


def test_switches_happen_in_turn_and_are_reported() -> None:
    report = run(every(0.2, [lambda: Committed(BLUE), lambda: Committed({"blue": 50, "green": 50})], 3))
    report.assert_nothing_lost()
    assert [switch.after for switch in report.switches] == [BLUE, {"blue": 50, "green": 50}, BLUE]
    assert [switch.number for switch in report.switches] == [1, 2, 3]


def test_a_colour_that_goes_on_answering_after_it_lost_its_traffic_is_caught() -> None:
    report = run([PlannedSwitch(0.3, lambda: Committed(GREEN))])
    assert 0 < report.wrong_colour < report.answered


def test_answers_that_came_while_the_switch_was_open_are_judged_when_it_is_over() -> None:
    def commit_first_and_return_later() -> Committed:
        committed = Committed(GREEN)
        time.sleep(0.4)
        return committed

    report = run([PlannedSwitch(0.1, commit_first_and_return_later)])
    assert report.wrong_colour >= 50


def test_a_switch_that_fails_is_in_the_report_and_the_count_goes_on() -> None:
    report = run([PlannedSwitch(0.1, command("exit 3", GREEN))])
    assert report.failed_switches == 1
    assert "exit 3" in report.switches[0].error
    assert report.wrong_colour == 0
    assert report.answered > 50
    assert report.faults["failed switches"] == 1


def test_any_shell_command_can_switch() -> None:
    report = run([PlannedSwitch(0.1, command("true", BLUE))])
    report.assert_nothing_lost()
    assert report.switches[0].after == BLUE
