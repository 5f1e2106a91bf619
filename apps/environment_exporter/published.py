"""What the environment's modules lay down for us. module_utils/environment/published.py says in which form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from environment_exporter.moments import seconds
from environment_exporter.readings import Remembered, Unreadable, json_object
from orders.metrics_text import Labels, labels, metric

Content = dict[str, Any]


class Lease:
    def __init__(self, file: Path) -> None:
        self._file = Remembered(file, json_object)

    def lines(self, unreadable: Unreadable) -> Iterator[str]:
        found = unreadable.of("lease.json", lambda: _lease(self._file.read()))
        if found is None:
            return
        operation, since = found
        words = labels(operation=operation)
        yield from metric(
            "echobase_lease_held", "gauge", "1 while a run has the environment for itself, by what it does.", {words: bool(operation)}
        )
        if operation:
            yield from metric("echobase_lease_since_timestamp_seconds", "gauge", "Since when that run has it.", {words: since})


class Backups:
    """One file for each engine: up to when it can be restored for certain, as of the moment when somebody worked that out."""

    def __init__(self, folder: Path) -> None:
        self._files = _Family(folder, "restorable-*.json")

    def lines(self, unreadable: Unreadable) -> Iterator[str]:
        found = {one["engine"]: one for one in self._files.read(unreadable, _restorable)}
        for name, key, explanation in (
            ("echobase_restorable_until_timestamp_seconds", "as_of", "Up to when the database can be restored for certain."),
            ("echobase_restorable_computed_timestamp_seconds", "computed_at", "When that was worked out: it was no later than this."),
            ("echobase_backup_newest_timestamp_seconds", "newest", "Of when the newest backup is."),
            ("echobase_backup_newest_bytes", "newest_bytes", "What it takes in the repository."),
            ("echobase_backup_proved_timestamp_seconds", "proved_at", "When a backup was last restored and held everything."),
            ("echobase_backup_due_timestamp_seconds", "due", "From when on there has to be a backup; missing where nobody wants one."),
        ):
            values = {labels(engine=engine): one[key] for engine, one in found.items() if one[key] is not None}
            yield from metric(name, "gauge", explanation, values)
        problems = {labels(engine=engine): bool(one["problem"]) for engine, one in found.items()}
        yield from metric("echobase_backup_problem", "gauge", "1 while something keeps it from being restorable up to now.", problems)


class Operations:
    """One file for each kind of work on each engine: backups, restores, drills, migrations."""

    def __init__(self, folder: Path) -> None:
        self._files = _Family(folder, "operation-*.json")

    def lines(self, unreadable: Unreadable) -> Iterator[str]:
        found = {
            labels(operation=str(one["operation"]), engine=str(one["engine"])): one for one in self._files.read(unreadable, _operation)
        }
        yield from metric(
            "echobase_operation_running_since_timestamp_seconds",
            "gauge",
            "Since when it runs; there while it does, and after a run that was killed.",
            {words: one["running_since"] for words, one in found.items() if one["running_since"] is not None},
        )
        lasts = {(*words, ("outcome", outcome)): last for words, one in found.items() for outcome, last in one["last"].items()}
        yield from metric("echobase_operation_runs_total", "counter", "How often it ended so.", _part(lasts, "count"))
        yield from metric("echobase_operation_ended_timestamp_seconds", "gauge", "When it last ended so.", _part(lasts, "ended"))
        yield from metric("echobase_operation_duration_seconds", "gauge", "How long it took then.", _part(lasts, "seconds"))


class Packages:
    def __init__(self, file: Path) -> None:
        self._file = Remembered(file, json_object)

    def lines(self, unreadable: Unreadable) -> Iterator[str]:
        found = unreadable.of("metrics/packages.json", lambda: _packages(self._file.read()))
        yield from metric(
            "echobase_image_packages_timestamp_seconds",
            "gauge",
            "Of which day the distribution's packages are in the image that a container was made of.",
            found or {},
        )


class _Family:
    """Files with a common beginning of their names. Those that go are forgotten."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._known: dict[Path, Remembered[Content]] = {}

    def read(self, unreadable: Unreadable, understand: Callable[[Content], Content]) -> list[Content]:
        there = sorted(self._folder.glob(self._pattern))
        self._known = {file: self._known.get(file) or Remembered(file, json_object) for file in there}
        found = [unreadable.of(f"metrics/{file.name}", partial(_understood, known, understand)) for file, known in self._known.items()]
        return [one for one in found if one is not None]


def _understood(file: Remembered[Content], understand: Callable[[Content], Content]) -> Content:
    return understand(file.read())


def _lease(content: Content) -> tuple[str, float]:
    if not content["run"]:
        return "", 0.0
    return str(content["operation"]), seconds(content["since"])


def _restorable(content: Content) -> Content:
    # A file of an earlier version says nothing of when a backup is due.
    given = {"due": None, **content}
    moments = {name: None if given[name] is None else seconds(given[name]) for name in ("as_of", "newest", "proved_at", "due")}
    return {
        **moments,
        "engine": str(content["engine"]),
        "computed_at": seconds(content["computed_at"]),
        "newest_bytes": None if content["newest"] is None else int(content["newest_bytes"]),
        "problem": str(content["problem"]),
    }


def _operation(content: Content) -> Content:
    since = content["running_since"]
    last = {
        str(outcome): {"count": int(one["count"]), "ended": seconds(one["ended"]), "seconds": float(one["seconds"])}
        for outcome, one in content["last"].items()
    }
    return {
        "operation": content["operation"],
        "engine": content["engine"],
        "running_since": None if since is None else seconds(since),
        "last": last,
    }


def _packages(content: Content) -> dict[Labels, float]:
    return {labels(image=str(image)): seconds(day) for image, day in content["images"].items()}


def _part(lasts: dict[Labels, Content], name: str) -> dict[Labels, float]:
    return {words: last[name] for words, last in lasts.items()}
