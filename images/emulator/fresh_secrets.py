"""The files that the emulator was seeded from change when a key or a password is rotated. They are read again then, without a restart."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from seed import SECRETS, Seed, plant_secrets


class FreshSecrets:
    def __init__(self, variables: Mapping[str, str], folder: Path = SECRETS) -> None:
        self._variables = variables
        self._folder = folder
        self._lock = threading.Lock()
        # It is empty at first, so that the first look finds whatever changed since the seed was planted.
        self._seen: frozenset[tuple[str, int, int]] = frozenset()

    def look(self) -> None:
        if self._files() == self._seen:
            return
        with self._lock:
            files = self._files()
            if files == self._seen:
                return
            try:
                plant_secrets(Seed.from_environment(self._variables, self._folder))
            except (OSError, ValueError) as error:
                # Somebody is in the middle of writing them, or they are damaged; what was there before goes on.
                print(f"the secrets cannot be read again: {error}", file=sys.stderr, flush=True)
                return
            self._seen = files

    def _files(self) -> frozenset[tuple[str, int, int]]:
        found = set()
        for path in self._folder.iterdir():
            try:
                state = path.stat()
            except FileNotFoundError:
                # This was a temporary file that has just got its own name.
                continue
            found.add((path.name, state.st_ino, state.st_mtime_ns))
        return frozenset(found)
