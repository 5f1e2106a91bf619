"""Where the numbers and the picture of a run are kept."""

from __future__ import annotations

from pathlib import Path

from counting_client import Report, write_picture

OUTPUT = Path(__file__).resolve().parents[1] / "output" / "load"


class Results:
    """Keeps a run's numbers and its picture, whatever the test then makes of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def keep(self, report: Report, part: str = "") -> Report:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        stem = f"{self._name}-{part}" if part else self._name
        report.write_json(OUTPUT / f"{stem}.json")
        write_picture(report, OUTPUT / f"{stem}.html")
        print(f"\n{stem}\n{report.table()}")
        return report
