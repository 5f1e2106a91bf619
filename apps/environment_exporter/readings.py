"""Files that others replace at once or not at all, read only when they are others than before; a damaged one is a fact, no failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
# What a file can be wrong about: its bytes, its JSON, a key that is not there, a value of another kind.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError)


class Unreadable:
    """Which files could not be read or understood at this scrape, by the name that operators know."""

    def __init__(self) -> None:
        self.files: dict[str, bool] = {}

    def of(self, name: str, read: Callable[[], T | None]) -> T | None:
        """Gives what `read` finds; None where there is no such file yet, or where it is damaged, which is noted."""
        try:
            found = read()
        except FileNotFoundError:
            return None
        except DAMAGE:
            self.files[name] = True
            return None
        self.files.setdefault(name, False)
        return found


class Remembered(Generic[T]):
    """What a file says. It is understood once for each content: a file that was replaced has another inode or another time."""

    def __init__(self, path: Path, understand: Callable[[bytes], T]) -> None:
        self._path = path
        self._understand = understand
        self._seen: tuple[int, int, int] | None = None
        self._value: T | None = None

    def read(self) -> T:
        found = self._path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen or self._value is None:
            self._seen, self._value = None, self._understand(self._path.read_bytes())
            self._seen = seen
        return self._value


def json_object(content: bytes) -> dict[str, Any]:
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value
