"""Every file that is made, by its path."""

from __future__ import annotations

from pathlib import Path

from dashboards.grafana import text_of
from dashboards.source import CHECKOUT, dashboards

GRAFANA = CHECKOUT / "roles" / "observability" / "files" / "grafana" / "dashboards"


def files() -> dict[Path, str]:
    return {GRAFANA / f"{dashboard.name}.json": text_of(dashboard) for dashboard in dashboards()}
