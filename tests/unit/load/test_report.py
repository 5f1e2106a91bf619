from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from counting_client.answer_parser import Answer
from counting_client.picture import picture
from counting_client.report import Report
from counting_client.tally import Tally
from counting_client.traffic import Traffic

SWITCHED_TO = {"blue": 0, "<green>": 100}


def tally(kind: str = "busy") -> Tally:
    """A hundred answers, one each 30 ms, the n-th of which took n ms."""
    counted = Tally(Traffic({"blue": 100, "green": 0}), "run", "X-Colour", "X-Id")
    for turn in range(100):
        answer_one(counted, kind, turn * 0.03, turn / 1000)
    return counted


def answer_one(counted: Tally, kind: str, sent: float, took: float, status: int = 200) -> None:
    request = counted.begin(kind, f"{kind} 0")
    answer = Answer(status, {"x-colour": "blue", "x-id": request.id}, b"", True)
    counted.count_answer(request, answer, counted.began + sent, counted.began + sent + took)


def switched(counted: Tally, began: float, committed: float) -> Tally:
    switch = counted.traffic.begin(counted.began + began)
    counted.traffic.commit(switch, counted.began + committed, SWITCHED_TO)
    return counted


def test_quantiles_are_of_all_answers() -> None:
    report = Report.of_run(tally(), 0.0, 1.0)
    assert round(report.p50, 3) == 0.050
    assert round(report.p99, 3) == 0.099
    assert round(report.slowest, 3) == 0.099
    assert sum(sum(moment.by_colour.values()) for moment in report.timeline) == 100


def test_what_was_under_way_at_a_switch_is_measured_apart() -> None:
    counted = switched(tally(), 1.0, 1.1)
    # Sent during the switch and answered long after it; and sent before it, answered long after it.
    answer_one(counted, "busy", 1.05, 2.9)
    answer_one(counted, "busy", 0.5, 3.5)
    answer_one(counted, "busy", 4.0, 0.5)
    report = Report.of_run(counted, 0.0, 1.0, around=0.11)
    # Of the regular ones the 29th to the 40th: from 0.89 to 1.21 s.
    assert report.around_switches.count == 12 + 2
    assert round(report.around_switches.slowest, 3) == 3.5
    assert round(report.quiet.slowest, 3) == 0.5
    assert report.quiet.count + report.around_switches.count == report.answered == 103


def test_switches_that_follow_each_other_closely_count_a_request_once() -> None:
    counted = switched(switched(tally(), 1.0, 1.1), 1.2, 1.3)
    report = Report.of_run(counted, 0.0, 1.0, around=0.5)
    assert report.quiet.count + report.around_switches.count == 100


def test_each_kind_has_its_own_numbers_and_the_report_their_sum() -> None:
    counted = tally("busy")
    answer_one(counted, "http2", 4.0, 0.001)
    answer_one(counted, "http2", 4.1, 0.001, status=503)
    counted.count_loss(counted.begin("upload", "upload 3"), "reset", "gone")
    counted.count_refused(counted.begin("http2", "http2 0"))
    report = Report.of_run(counted, 0.0, 1.0)
    assert report.kinds["busy"].answered == 100
    assert (report.kinds["http2"].answered, report.kinds["http2"].server_errors, report.kinds["http2"].refused_and_repeated) == (2, 1, 1)
    assert report.kinds["upload"].lost_by_reason == {"reset": 1}
    assert (report.sent, report.answered, report.lost, report.server_errors, report.unaccounted) == (104, 102, 1, 1, 1)


def test_a_broken_session_is_told_with_its_distance_to_the_last_switch() -> None:
    counted = tally()
    counted.count_break("websocket", "websocket 1", "early")
    switched(counted, -3.0, -2.0)
    counted.count_break("websocket", "websocket 2", "late")
    report = Report.of_run(counted, 0.0, 1.0)
    assert report.faults["broken sessions"] == 2
    first, second = report.sessions["websocket"].breaks
    assert (first.switch, first.since_switch) == (0, None)
    assert second.switch == 1
    assert second.since_switch is not None
    assert 2.0 <= second.since_switch < 3.0
    assert "after switch 1  late  [websocket 2]" in report.table()


def test_the_table_names_every_fault_and_gives_examples() -> None:
    counted = tally()
    request = counted.begin("busy", "busy 7", 3.0)
    counted.count_loss(request, "reset", "connection reset by peer")
    table = Report.of_run(counted, 0.0, 1.0).table()
    assert re.search(r"lost +1\n", table)
    assert "reset 1" in table
    assert request.id in table
    assert "busy 7" in table


def test_a_request_that_never_ended_is_unaccounted() -> None:
    counted = tally()
    counted.begin("busy", "busy 0")
    assert Report.of_run(counted, 0.0, 1.0).unaccounted == 1


def test_upstreams_know_of_doubles_and_of_requests_that_never_came() -> None:
    report = Report.of_run(tally(), 0.0, 1.0)
    ids = list(report.answered_ids)
    report.compare_with_upstreams([*ids[1:], ids[5], "another-run-00000000", "run-99999999", "run-x"])
    assert (report.duplicates, report.unseen) == (1, 1)


def test_the_result_is_json(tmp_path: Path) -> None:
    Report.of_run(switched(tally(), 1.0, 1.1), 0.0, 1.0).write_json(tmp_path / "result.json")
    data = json.loads((tmp_path / "result.json").read_text())
    assert data["answered"] == data["kinds"]["busy"]["answered"] == 100
    assert data["lost"] == data["kinds"]["busy"]["lost"] == 0
    assert data["by_colour"] == {"blue": 100}
    assert data["quiet"]["count"] + data["around_switches"]["count"] == 100
    assert data["quiet"]["p99"] > 0
    assert "ids" not in data


def test_the_picture_needs_nothing_from_elsewhere_and_shows_the_switches() -> None:
    counted = switched(tally(), 1.0, 1.1)
    counted.count_loss(counted.begin("busy", "busy 7"), "reset", "</pre><b>")
    page = picture(Report.of_run(counted, 0.0, 1.0))
    assert not re.search(r"(?:src|href)=|https?://|url\(|@import|<script", page)
    drawings = [ElementTree.fromstring(drawing) for drawing in re.findall(r"<svg.*?</svg>", page, re.S)]
    assert len(drawings) == 4
    for drawing in drawings:
        title = drawing.find(".//line[@class='switch']/title")
        assert title is not None
        assert title.text == "switch 1 at 1.100 s, blue 100, green 0 to blue 0, <green> 100"
    assert "</pre><b>" not in page


def test_a_long_run_does_not_make_a_longer_report() -> None:
    counted = tally()
    answer_one(counted, "busy", 3000.0, 0.001)
    counted.began -= 3000.0
    assert len(Report.of_run(counted, 0.0, 1.0).timeline) <= 241


def test_an_empty_run_has_a_picture_too() -> None:
    assert "</html>" in picture(Report.of_run(Tally(Traffic({}), "run", "X-Colour", "X-Id"), 0.0, 0.0))
