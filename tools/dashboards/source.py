"""The dashboards as they are written: apps/console/dashboards. The console reads the same files (apps/console/src/dashboards/model.ts)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "apps" / "console" / "dashboards"
# The order system brings its own.
EXAMPLES = CHECKOUT / "apps" / "orders" / "observe" / "dashboards"
COLUMNS = 24


@dataclass(frozen=True)
class Query:
    promql: str
    legend: str = ""


@dataclass(frozen=True)
class LogQueries:
    logsql: str
    logql: str


@dataclass(frozen=True)
class Panel:
    title: str
    about: str
    kind: str = "graph"
    unit: str = "count"
    width: int = 8
    queries: tuple[Query, ...] = ()
    logs: LogQueries | None = None
    exemplars: str = ""
    stack: bool = False
    max: float | None = None
    alarm: float | None = None
    empty: str = "no data yet"


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    name: str
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


def dashboards(folder: Path = FOLDER) -> list[Dashboard]:
    return [_dashboard(file.stem, yaml.safe_load(file.read_text())) for file in sorted(folder.glob("*.yml"))]


def _dashboard(name: str, written: dict[str, Any]) -> Dashboard:
    rows = [Row(row["title"], tuple(_panel(panel) for panel in row["panels"])) for row in written.pop("rows")]
    return Dashboard(name=name, rows=tuple(rows), **written)


def _panel(written: dict[str, Any]) -> Panel:
    """A key that no panel knows is a TypeError: it would be left out in silence."""
    queries = tuple(Query(**query) for query in written.pop("queries", ()))
    logs = written.pop("logs", None)
    return Panel(queries=queries, logs=LogQueries(**logs) if logs else None, **written)
