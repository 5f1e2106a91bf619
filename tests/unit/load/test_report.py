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


def tally() -> Tally:
    counted = Tally(Traffic({"blue": 100, "green": 0}), "run", "X-Colour", "X-Id")
    for turn in range(100):
        request = counted.number("busy 0", 0.0, False)
        counted.count_sent()
        answer = Answer(200, {"x-colour": "blue", "x-id": request.id}, b"", True)
        counted.count_answer(request, answer, counted.began + turn * 0.03, counted.began + turn * 0.03 + turn / 1000)
    return counted


def test_quantiles_are_of_all_answers() -> None:
    report = Report.of(tally(), 0.0, 1.0)
    assert round(report.p50, 3) == 0.050
    assert round(report.p99, 3) == 0.099
    assert round(report.slowest, 3) == 0.099
    assert sum(sum(second.by_colour.values()) for second in report.timeline) == 100


def test_the_table_names_every_fault_and_gives_examples() -> None:
    counted = tally()
    request = counted.number("busy 7", 3.0, False)
    counted.count_sent()
    counted.count_loss(request, "reset", "connection reset by peer")
    table = Report.of(counted, 0.0, 1.0).table()
    assert re.search(r"lost +1\n", table)
    assert "reset 1" in table
    assert request.id in table
    assert "busy 7" in table


def test_a_request_that_never_ended_is_unaccounted() -> None:
    counted = tally()
    counted.number("busy 0", 0.0, False)
    counted.count_sent()
    assert Report.of(counted, 0.0, 1.0).unaccounted == 1


def test_the_result_is_json(tmp_path: Path) -> None:
    Report.of(tally(), 0.0, 1.0).write_json(tmp_path / "result.json")
    data = json.loads((tmp_path / "result.json").read_text())
    assert data["answered"] == 100
    assert data["lost"] == 0
    assert data["by_colour"] == {"blue": 100}
    assert "answered_ids" not in data


def test_the_picture_needs_nothing_from_elsewhere_and_shows_the_switches() -> None:
    counted = tally()
    switch = counted.traffic.begin(counted.began + 1.0)
    counted.traffic.commit(switch, counted.began + 1.1, {"blue": 0, "<green>": 100})
    page = picture(Report.of(counted, 0.0, 1.0))
    assert not re.search(r"(?:src|href)=|https?://|url\(|@import", page)
    drawings = [ElementTree.fromstring(drawing) for drawing in re.findall(r"<svg.*?</svg>", page, re.S)]
    assert len(drawings) == 3
    assert all(drawing.find(".//line[@class='switch']/title") is not None for drawing in drawings)
    assert "switch 1" in page


def test_an_empty_run_has_a_picture_too() -> None:
    assert "</html>" in picture(Report.of(Tally(Traffic({}), "run", "X-Colour", "X-Id"), 0.0, 0.0))
