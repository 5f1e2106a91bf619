"""Grafana's dashboards are the console's, up to date, and every query of both is PromQL."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from areas import CHECKOUT
from dashboards.files import FOLDERS, files
from dashboards.grafana import EVENTS, UNITS
from dashboards.source import COLUMNS, EXAMPLES, dashboards
from harness.promtool import refused

FILES = files()
DASHBOARDS = [*dashboards(), *dashboards(EXAMPLES)]
CONSOLE = CHECKOUT / "apps" / "console" / "src"
DATA_SOURCES = CHECKOUT / "roles" / "observability" / "templates" / "grafana-datasources.yml.j2"


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILES[path])["panels"]
    return found


def test_every_dashboard_is_there_and_up_to_date() -> None:
    assert {path: path.read_text() for folder in FOLDERS.values() for path in folder.glob("*.json")} == FILES, "run make docs"


def test_every_query_is_promql() -> None:
    written = [query.promql for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries]
    selectors = [panel.exemplars for dashboard in DASHBOARDS for panel in dashboard.panels if panel.exemplars]
    for_grafana = [
        target["expr"]
        for path in FILES
        for panel in panels(path)
        for target in panel.get("targets", ())
        if panel["datasource"]["type"] == "prometheus"
    ]
    own = re.search(r'^const EVENTS = "(.+)";$', (CONSOLE / "stores" / "prometheus.ts").read_text(), re.M)
    assert own
    assert len(written) == len(for_grafana) > 60
    expressions = [*written, *selectors, *for_grafana, EVENTS, own[1]]
    assert refused(re.sub(r"\$(__rate_)?interval", "5m", expression) for expression in expressions) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_lie_beside_each_other_on_the_grid(path: Path) -> None:
    places = [panel["gridPos"] for panel in panels(path)]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    overlapping = [
        (one, other)
        for one, other in itertools.combinations(places, 2)
        if one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    ]
    assert overlapping == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_asks_only_data_sources_that_are_provisioned(path: Path) -> None:
    asked = {panel["datasource"]["uid"] for panel in panels(path) if panel["type"] != "row"}
    assert asked <= {"metrics", "logs"}
    numbers = [panel["id"] for panel in panels(path)]
    assert len(set(numbers)) == len(numbers)


def test_the_role_provisions_these_data_sources() -> None:
    provisioned = set(re.findall(r"^ +uid: (\w+)$", DATA_SOURCES.read_text(), re.M))
    assert {"metrics", "logs"} <= provisioned


def test_both_know_the_same_units() -> None:
    line = re.search(r"^export type Unit = (.+);$", (CONSOLE / "format.ts").read_text(), re.M)
    assert line
    assert set(re.findall(r'"(\w+)"', line[1])) == set(UNITS)


def test_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text("title: t\nabout: a\nrows: [{title: r, panels: [{title: p, about: a, treshold: 1}]}]\n")
    with pytest.raises(TypeError, match="treshold"):
        dashboards(tmp_path)
