"""Every file that is made, by its path."""

from __future__ import annotations

from pathlib import Path

from dashboards.grafana import text_of
from dashboards.source import CHECKOUT, EXAMPLES, FOLDER, dashboards

GRAFANA = CHECKOUT / "roles" / "observability" / "files" / "grafana" / "dashboards"


# Where dashboards are written, and where Grafana's go: the platform's own, and those of the example.
FOLDERS = {FOLDER: GRAFANA, EXAMPLES: EXAMPLES.parent / "grafana"}


def files() -> dict[Path, str]:
    return {made / f"{dashboard.name}.json": text_of(dashboard) for source, made in FOLDERS.items() for dashboard in dashboards(source)}
