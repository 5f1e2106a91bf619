"""How fresh the distribution's packages in an environment's images have to be: a day that is part of every tag, and is remembered.

Without it an image's tag follows from this collection's files alone, and a security update of the distribution changes none of them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# With this word the environment goes back to tags that have no day in them.
NONE = "none"


class ImageRefresh:
    """`given` is a day or a moment, `none`, or empty for the one that is remembered. Without an environment nothing is remembered."""

    def __init__(self, env: Environment | None, given: str) -> None:
        self._file = Path(env.path("images-refresh")) if env else None
        self._remembered = self._read()
        _refuse_unreadable(given)
        self.wanted = {"": self._remembered, NONE: ""}.get(given, given)

    @property
    def is_news(self) -> bool:
        return self._file is not None and self.wanted != self._remembered

    @property
    def before(self) -> str:
        return _line(self._remembered) if self.is_news else ""

    @property
    def after(self) -> str:
        return _line(self.wanted) if self.is_news else ""

    def remember(self) -> None:
        """Remembers the day once the images are there: a build that failed must not stand in the way of what was built before."""
        if self._file is None or not self.is_news:
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.wanted:
            write_durably(self._file, f"{self.wanted}\n", mode=0o644)
        else:
            self._file.unlink(missing_ok=True)

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="ascii").strip() if self._file else ""
        except FileNotFoundError:
            return ""


def _line(refresh: str) -> str:
    return f"packages as of: {refresh or 'whenever each image was built'}\n"


def _refuse_unreadable(given: str) -> None:
    if given in ("", NONE):
        return
    try:
        datetime.fromisoformat(given)
    except ValueError as error:
        raise Refusal(f"images_refresh '{given}' is no day", "give one such as 2026-11-27 or 2026-11-27T15:00, or none") from error
