"""Where the numbers and the picture of a run are kept."""

from __future__ import annotations

from pathlib import Path

from counting_client import OrdersReport, Report, write_picture

OUTPUT = Path(__file__).resolve().parents[1] / "output" / "load"


class Results:
    """Keeps a run's numbers and its picture, whatever the test then makes of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def keep(self, report: Report | OrdersReport) -> None:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        requests = report.attempts if isinstance(report, OrdersReport) else report
        requests.write_json(OUTPUT / f"{self._name}.json")
        write_picture(requests, OUTPUT / f"{self._name}.html")
        print(f"\n{self._name}\n{report.table()}")
