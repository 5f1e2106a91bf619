"""Results as they are kept: numbers, what they were measured on, and what they say about the project's claims."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Result:
    name: str
    figures: dict[str, Any]
    # Claims that this run refutes: the benchmark fails.
    broken: list[str] = field(default_factory=list)
    # Aims that this run did not reach: said, but no failure.
    below_aim: list[str] = field(default_factory=list)


def keep(result: Result, machine: dict[str, Any], seconds: float) -> None:
    FOLDER.mkdir(exist_ok=True)
    document = {
        "name": result.name,
        "command": f"make bench BENCH={result.name}",
        "seconds": round(seconds),
        "machine": machine,
        "broken": result.broken,
        "below_aim": result.below_aim,
        **result.figures,
    }
    (FOLDER / f"{result.name}.json").write_text(json.dumps(document, indent=2) + "\n")


def load(name: str) -> dict[str, Any] | None:
    """None when it was never measured."""
    path = FOLDER / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else None
