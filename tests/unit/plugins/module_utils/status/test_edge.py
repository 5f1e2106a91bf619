from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.status.edge import recent_troubles

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def line(**fields: Any) -> str:
    entry = {"time": "2026-11-21T11:59:00+00:00", "status": 200, "colour": "blue", "error": "", "replayed_from": "", "path": "/"}
    return json.dumps(entry | fields, separators=(",", ":")) + "\n"


def troubles(tmp_path: Path, *lines: str) -> list[str]:
    log = tmp_path / "access.log"
    log.write_text("".join(lines), encoding="latin-1")
    return recent_troubles(log, NOW, timedelta(minutes=10))


def test_faults_are_counted_and_what_is_intended_is_not(tmp_path: Path) -> None:
    assert troubles(
        tmp_path,
        line(),
        line(status=404, error="not-found"),
        line(status=503, colour="", error="maintenance"),
        line(status=503, colour="", error="nothing-live"),
        line(status=502, error="colour-away"),
        line(status=502, error="colour-away"),
        line(status=500, colour="green"),
        line(replayed_from="green"),
    ) == ["2 colour-away", "1 answered with 500 by green", "1 replayed from green"]


def test_what_is_long_ago_is_forgotten(tmp_path: Path) -> None:
    assert troubles(tmp_path, line(time="2026-11-21T11:49:59+00:00", status=502, error="colour-away")) == []
    assert troubles(tmp_path, line(time="2026-11-21T12:59:00+01:00", status=502, error="colour-away")) == ["1 colour-away"]


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    old = line(status=502, error="colour-away")
    assert troubles(tmp_path, old * 10, *[line()] * 10_000, line(status=500, error="edge-failed")) == ["1 edge-failed"]


def test_no_log_and_odd_lines_are_no_trouble(tmp_path: Path) -> None:
    assert recent_troubles(tmp_path / "absent", NOW, timedelta(minutes=10)) == []
    assert troubles(tmp_path, "{\n", '"status":5\n', line(path="/\xff", status=502, error="colour-away"), line(status=503)[:40]) == [
        "1 colour-away"
    ]
