"""A copy of a database's data that is made one of another major version, and proves by a server on it that it holds the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.contents import differences
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.upgrade.conversion import DataConversion

if TYPE_CHECKING:
    from docker import DockerClient

Contents = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class UpgradedCopy:
    docker: DockerClient
    env: Environment
    engine: DatabaseEngine
    wanted_image: str
    present_image: str
    tool: BackupTool
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None]

    def make(self, volume: str, folder: str, expected: Contents) -> None:
        """`expected` is what the old server said that its tables hold. The caller has the lock for trials."""
        self.progress.say("upgrading the copy")
        self._conversion.run(volume, folder)
        self.reached("converted")
        self.progress.say("trying the upgraded copy")
        with trial_server(self.docker, self.env, self.engine.name, volume, folder, image=self.wanted_image) as trial:
            if self.engine.statements.after_upgrade:
                trial.console.query(self.engine.statements.after_upgrade)
            different = differences(expected, self.tool.contents(trial.container))
            trial.log_in_as_application()
        if different:
            raise Refusal(
                f"the upgraded copy does not hold what the database does: {different}", "what serves was not touched; look at these tables"
            )
        self.reached("tried")

    def end_left_over(self) -> None:
        """A conversion whose caller was killed may still be at work."""
        self._conversion.remove_left_over()

    @property
    def _conversion(self) -> DataConversion:
        image = self.wanted_image if self.engine.newer_image_upgrades else self.present_image
        return DataConversion(self.docker, self.env, self.engine.name, image)
