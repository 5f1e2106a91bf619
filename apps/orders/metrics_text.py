"""Prometheus' text format: the only place that knows how its lines are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Labels = tuple[tuple[str, str], ...]


def labels(**given: str) -> Labels:
    return tuple(given.items())


def metric(name: str, kind: str, explanation: str, values: Mapping[Labels, float]) -> Iterator[str]:
    """All lines of a metric; none where there is no value, since a heading alone tells nothing."""
    if not values:
        return
    yield from header(name, kind, explanation)
    for given, value in sorted(values.items()):
        yield f"{name}{shown(given)} {_number(value)}"


def header(name: str, kind: str, explanation: str) -> Iterator[str]:
    yield f"# HELP {name} {explanation}"
    yield f"# TYPE {name} {kind}"


def shown(given: Labels) -> str:
    if not given:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in given) + "}"


def _number(value: float) -> str:
    """A whole number without a point, and a moment to the millisecond."""
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
