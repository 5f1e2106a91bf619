"""The revisions, as Alembic reads them, and the statements that each would send."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory


class Scripts:
    def __init__(self, dialect: str) -> None:
        self.config = Config()
        self.config.set_main_option("script_location", str(Path(__file__).parent))
        self.config.attributes["dialect"] = dialect
        self._directory = ScriptDirectory.from_config(self.config)

    def of_branch(self, branch: str) -> list[Script]:
        """In the order in which they are applied, what they require of the other branch included."""
        return list(reversed(list(self._directory.iterate_revisions(f"{branch}@head", "base", implicit_base=True))))

    def implied_by(self, rows: Iterable[str]) -> set[str]:
        """Every revision that is applied where the version table has these rows."""
        heads = tuple(rows)
        return {script.revision for script in self._directory.iterate_revisions(heads, "base", implicit_base=True)} if heads else set()

    def sql(self, script: Script) -> str:
        since = next(iter(requirements(script)), None)
        self.config.attributes |= {"connection": None, "statements": None, "throttle": None}
        self.config.output_buffer = buffer = io.StringIO()
        command.upgrade(self.config, f"{since}:{script.revision}" if since else script.revision, sql=True)
        return buffer.getvalue()


def requirements(script: Script) -> list[str]:
    """What must be applied before it: the one before on its branch first."""
    before = [script.down_revision, script.dependencies]
    return [str(revision) for some in before if some for revision in ([some] if isinstance(some, str) else some)]
