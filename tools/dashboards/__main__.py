"""Writes Grafana's dashboards anew. `make docs` runs it."""

from __future__ import annotations

from dashboards.files import GRAFANA, files
from dashboards.source import CHECKOUT

wanted = files()
GRAFANA.mkdir(parents=True, exist_ok=True)
for path, text in wanted.items():
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"written: {path.relative_to(CHECKOUT)}")
for path in set(GRAFANA.glob("*.json")) - set(wanted):
    path.unlink()
    print(f"removed: {path.relative_to(CHECKOUT)}")
