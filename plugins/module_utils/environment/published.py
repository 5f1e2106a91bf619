"""What an environment tells those who only watch it: the folder `<home>/metrics`, open to everybody who gets it mounted.

The environment's own folder is closed, and what watches it is another user in a container that gets neither a secret nor the engine.
So whoever knows something lays it here, and the environment exporter (apps/environment_exporter) turns it into metrics:

ledger.jsonl, lease.json      second names of the files in <home>: nothing is copied, and a new content has a new file
restorable-<engine>.json      up to when it can be restored, and as of when somebody worked that out (backups/published.py)
backup-schedule.json          when the first backup on a schedule is due, where there is a schedule
operation-<what>-<engine>.json  since when a backup, restore, drill or migration runs, and how the last ones ended
packages.json                 of which day the packages in the images in use are

Nothing here decides anything, and no work fails because it could not be told.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

FOLDER = "metrics"
_FOLDER_MODE = 0o755


def share(file: Path) -> None:
    """Gives the file, which was just written, its second name among what is published."""
    with suppress(OSError):
        place = _folder_below(file.parent) / file.name
        unfinished = place.with_name(f".{file.name}.{os.getpid()}")
        unfinished.unlink(missing_ok=True)
        os.link(file, unfinished)
        # Two names of one file: a rename from one to the other would do nothing and leave both.
        if place.exists() and place.samefile(unfinished):
            unfinished.unlink()
        else:
            unfinished.replace(place)


def publish(env: Environment, name: str, content: Mapping[str, Any]) -> None:
    with suppress(OSError):
        write_durably(_folder_below(Path(env.home)) / name, json.dumps(content, indent=1) + "\n", mode=0o644)


class OperationRecord:
    """How long backups, restores, drills and migrations take, and how they end."""

    def __init__(self, env: Environment, operation: str, engine: str) -> None:
        self._env = env
        self._words = {"operation": operation, "engine": engine}
        self._name = f"operation-{operation}-{engine}.json"

    def of(self, work: Callable[[], Outcome]) -> Outcome:
        """Does the work and writes down how it went. Work that had nothing to do does not count."""
        self._write(running_since=_now(), last=self._last())
        return self.of_quick(work)

    def of_quick(self, work: Callable[[], Outcome]) -> Outcome:
        """The same for work that mostly has nothing to do: it is not announced, and leaves no trace then."""
        began = time.monotonic()
        try:
            outcome = work()
        except BaseException:
            self._ended("failed", began)
            raise
        if outcome.changed:
            self._ended("succeeded", began)
        elif self._is_announced():
            self._write(running_since=None, last=self._last())
        return outcome

    def _ended(self, outcome: str, began: float) -> None:
        last = self._last()
        count = last.get(outcome, {}).get("count", 0) + 1
        seconds = round(time.monotonic() - began, 3)
        self._write(running_since=None, last=last | {outcome: {"count": count, "ended": _now(), "seconds": seconds}})

    def _is_announced(self) -> bool:
        return self._read().get("running_since") is not None

    def _last(self) -> dict[str, Any]:
        try:
            return {str(outcome): {**one, "count": int(one["count"])} for outcome, one in self._read()["last"].items()}
        except (ValueError, LookupError, TypeError, AttributeError):
            # It counts anew.
            return {}

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(Path(self._env.path(FOLDER, self._name)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, **content: Any) -> None:
        publish(self._env, self._name, {**self._words, **content})


def _folder_below(home: Path) -> Path:
    folder = home / FOLDER
    folder.mkdir(exist_ok=True)
    # The mode is set here, so that it does not depend on the umask of whoever runs us.
    folder.chmod(_FOLDER_MODE)
    return folder


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
