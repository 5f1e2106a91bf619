"""A dashboard as Grafana wants it: panels on a grid, and names of data sources instead of addresses."""

from __future__ import annotations

import json
import string
from typing import Any

from grafana_foundation_sdk.builders import common, logs, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueTextMode, StackingMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, DataTransformerConfig, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.source import Dashboard, Panel, Row

# The uids that roles/observability provisions.
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="metrics")
LOKI = DataSourceRef(type_val="loki", uid="logs")

UNITS = {
    "count": "short",
    "percent": "percent",
    "ratio": "percentunit",
    "seconds": "s",
    "bytes": "bytes",
    "per_second": "cps",
    "bytes_per_second": "binBps",
    "date": "dateTimeAsSystem",
}
# In rows of Grafana's grid.
HEIGHTS = {"graph": 8, "stat": 4, "table": 4, "logs": 10}
EVENTS = "1000 * max by (event, colour, release) (echobase_release_event_timestamp_seconds)"


def text_of(dashboard: Dashboard) -> str:
    """The file as it lies in the role."""
    encoded = JSONEncoder(sort_keys=True, indent=1).encode(_built(dashboard))
    return json.dumps(json.loads(encoded) | {"annotations": _annotations()}, indent=1, sort_keys=True) + "\n"


def _built(dashboard: Dashboard) -> Any:
    result = built.Dashboard(dashboard.title).uid(f"echobase-{dashboard.name}").description(dashboard.about).tags(["echobase"])
    result = result.refresh("15s").time("now-1h", "now").tooltip(DashboardCursorSync.CROSSHAIR).readonly()
    number = 0
    for row in dashboard.rows:
        result = result.with_row(built.Row(row.title).id(number := number + 1))
        for panel in row.panels:
            result = result.with_panel(_panel(panel, row).id(number := number + 1))
    return result.build()


def _annotations() -> dict[str, Any]:
    """The value of each series is the moment of its event, so Grafana has to take that for the time: the models do not know this key."""
    return {
        "list": [
            {
                "name": "Releases",
                "datasource": {"type": PROMETHEUS.type_val, "uid": PROMETHEUS.uid},
                "enable": True,
                "expr": EVENTS,
                "iconColor": "orange",
                "step": "15s",
                "tagKeys": "colour,release",
                "titleFormat": "{{event}} {{colour}}",
                "useValueForTime": "on",
            }
        ]
    }


def _panel(panel: Panel, row: Row) -> Any:
    make = {"graph": _graph, "stat": _stat, "table": _table, "logs": _logs}[panel.kind]
    height = max(HEIGHTS[other.kind] for other in row.panels)
    return make(panel).title(panel.title).description(panel.about).no_value(panel.empty).span(panel.width).height(height)


def _graph(panel: Panel) -> Any:
    result = timeseries.Panel().datasource(PROMETHEUS).unit(UNITS[panel.unit]).min(0)
    if panel.max is not None:
        result = result.max(panel.max)
    if panel.stack:
        result = result.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(35)
    for query in _queries(panel):
        result = result.with_target(query.exemplar(bool(panel.exemplars)))
    return result


def _stat(panel: Panel) -> Any:
    result = stat.Panel().datasource(PROMETHEUS).unit(UNITS[panel.unit]).text_mode(BigValueTextMode.VALUE_AND_NAME)
    result = result.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    steps = [Threshold(value=None, color="text"), *([Threshold(value=panel.alarm, color="red")] if panel.alarm is not None else [])]
    result = result.thresholds(built.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    for query in _queries(panel):
        result = result.with_target(query.instant())
    return result


def _table(panel: Panel) -> Any:
    # A count of 1 says no more than that the line is there.
    hidden = {"Time": True, **({"Value": True} if panel.unit == "count" else {})}
    result = table.Panel().datasource(PROMETHEUS).unit(UNITS[panel.unit])
    result = result.with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": hidden}))
    for query in _queries(panel):
        result = result.with_target(query.instant().format(PromQueryFormat.TABLE))
    return result


def _logs(panel: Panel) -> Any:
    if panel.logs is None:
        raise ValueError(f"panel {panel.title!r} asks no log store")
    result = logs.Panel().datasource(LOKI).show_time(True).wrap_log_message(True).enable_log_details(True)
    return result.with_target(loki.Dataquery().expr(panel.logs.logql).ref_id("A"))


def _queries(panel: Panel) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery().expr(_promql(query.promql, panel)).legend_format(query.legend or "__auto").ref_id(letter)
        for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False)
    ]


def _promql(promql: str, panel: Panel) -> str:
    own = promql.replace("$interval", "$__rate_interval")
    # Grafana counts a date in milliseconds.
    return f"1000 * ({own})" if panel.unit == "date" else own
