"""A database on another major version: a copy of its data is upgraded beside them, and takes their place together with the new server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.database.acknowledged import Acknowledged, discarded_facts
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool, Point
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import is_older_major
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.running_replica import refuse_running_replica
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import refuse_missing_key
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock, durable_work_lock, trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import (
    UPGRADE_WAYS,
    ChangeStep,
    GenerationChange,
    GenerationJournal,
    Kind,
)
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, ignore_step, published_volume
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION, DataVolume
from ansible_collections.echobase.platform.plugins.module_utils.upgrade.upgraded_copy import UpgradedCopy

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass
class DatabaseUpgrade:
    docker: DockerClient
    env: Environment
    # This is the server that shall serve; its image may be empty as long as nothing is changed.
    wanted: ServerDefinition
    # The wanted major version; it is empty for the newest.
    wanted_major: str
    # This is the image of the server that serves now.
    present_image: str
    tool: BackupTool
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def __post_init__(self) -> None:
        self.engine = self.wanted.engine
        self._names = self.wanted.names
        self._journal = GenerationJournal(self.env)
        self._engine = engine_named(self.engine)
        self._console = ServerConsole(self._engine, self.env)
        self._acknowledged = Acknowledged.by_live_release(self.env, self.engine)
        self._swap = GenerationSwap(self.docker, self.env, self._console, self.progress, self.reached, UPGRADE_WAYS)
        self._copy = UpgradedCopy(
            self.docker, self.env, self._engine, self.wanted.image, self.present_image, self.tool, self.progress, self.reached
        )
        self._warnings: list[str] = []

    def run(self, state: str, confirm: str, check_mode: bool) -> Outcome:
        if check_mode or state == "checked":
            return self._predicted(state, confirm)
        if not self.wanted.image or not self.present_image:
            raise Refusal(f"state={state} takes the images of both major versions", "give image and present_image")
        with durable_work_lock(self.env.name):
            match state:
                case "rehearsed":
                    return self._rehearsed()
                case "live":
                    return self._live()
                case "reverted":
                    return self._reverted(confirm)
                case _:
                    return self._abandoned()

    def _predicted(self, state: str, confirm: str) -> Outcome:
        before = self._upgrade_in_journal()
        if state == "reverted":
            way_back = self._way_back(before)
            if confirm:
                self._refuse_unconfirmed(way_back, confirm)
            return self._outcome(True, before, way_back, way_back.previous_major, way_back.major)
        if before is not None and before.is_under_way:
            return self._outcome(True, before, before, before.previous_major, before.major)
        if state == "abandoned":
            return self._outcome(False, before, before, "", "")
        present, wanted = self._majors()
        if present == wanted:
            return self._outcome(False, before, before, present, wanted)
        self._refuse_impossible(present, wanted)
        return self._outcome(True, before, before, present, wanted)

    def _majors(self) -> tuple[str, str]:
        """The major version of the data that are served, and the wanted one."""
        present = published_volume(self.docker, self.env, self.engine).majors()[1]
        if not present:
            raise Refusal(
                f"nobody can tell which major version the data in volume {self._names.volume} are of",
                f"{playbook('setup_durable', durable_db_recreate='always')} restarts the database on the present image, which can tell",
            )
        return present, self.wanted_major or self._engine.newest_major

    def _refuse_impossible(self, present: str, wanted: str) -> None:
        if is_older_major(wanted, present):
            raise Refusal(
                f"volume {self._names.volume} holds data of {self.engine} {present}, and {wanted} cannot read them",
                f"{playbook('upgrade', durable_db_go_back='true')} goes back to the generation from before the upgrade, while that is kept",
            )
        if not self._console.is_answering():
            raise Refusal(f"{self._names.container} does not answer", f"{playbook('setup_durable')} starts it")
        refuse_running_replica(self.docker, self.env, self.engine, "cannot follow a server of another major")
        volume = published_volume(self.docker, self.env, self.engine)
        volume.refuse_without_room(volume.generations().current)

    # A rehearsal works beside the served data.

    def _rehearsed(self) -> Outcome:
        """The newest proved backup is restored by the old server, upgraded, and served by the new one."""
        refuse_missing_key(self.env)
        present, wanted = self._majors()
        self._refuse_impossible(present, wanted)
        proofs = BackupRecord(self.env, self.engine).read().proofs
        proved = [backup for backup in self.tool.backups() if backup.name in proofs]
        if not proved:
            raise Refusal("there is no proved backup to rehearse the upgrade on", f"run {playbook('backup')} first")
        newest = proved[-1]
        proof = proofs[newest.name]
        with trial_volume(self.docker, self.env, self.engine) as volume:
            self.progress.say(f"restoring {newest.name} to try the upgrade on it")
            self.tool.restore(newest, Point(mark=proof.mark), volume, FIRST_GENERATION)
            began = time.monotonic()
            self._copy.make(volume, FIRST_GENERATION, proof.tables)
            seconds = round(time.monotonic() - began, 1)
        outcome = self._outcome(True, None, None, present, wanted)
        outcome.facts |= {"backup": newest.name, "rows": proof.rows, "seconds": seconds}
        return outcome

    # The upgraded generation takes the place of the served one.

    def _live(self) -> Outcome:
        before = self._upgrade_in_journal()
        upgrade = before if before is not None and before.is_under_way else self._begun()
        if upgrade is None:
            return self._outcome(False, before, before, *self._majors())
        return self._carry_out(before, upgrade)

    def _begun(self) -> GenerationChange | None:
        present, wanted = self._majors()
        if present == wanted:
            return None
        self._refuse_impossible(present, wanted)
        generations = self._volume.generations()
        return GenerationChange(
            Kind.UPGRADE,
            ChangeStep.CLOSING,
            self.engine,
            datetime.now(UTC),
            generations.next,
            generations.current,
            to=f"{self.engine} {wanted}",
            builds=True,
            major=wanted,
            previous_major=present,
        )

    def _carry_out(self, before: GenerationChange | None, upgrade: GenerationChange) -> Outcome:
        if upgrade.step is ChangeStep.CLOSING:
            self._journal.write(upgrade)
            self.reached("closing")
            self._close(upgrade.previous)
            if upgrade.is_disposable:
                self._build(upgrade)
            else:
                upgrade = self._counted(upgrade, upgrade.previous, upgrade.generation)
        upgrade = self._journal.write(upgrade.at(ChangeStep.SWAPPING))
        self._serve(upgrade.generation, self.wanted)
        upgrade = self._journal.write(upgrade.at(ChangeStep.LIVE))
        self._warnings += self.tool.prepare_if_possible()
        return self._outcome(True, before, upgrade, upgrade.previous_major, upgrade.major)

    def _close(self, served: str) -> None:
        """From here on nobody writes any more."""
        self._start_again()
        self.progress.say("nobody may write any more")
        WriterFence(self.env, self._console).close()
        self.reached("closed")
        self._warnings += self.tool.archive_if_possible("of before")
        if unknown := self._acknowledged.write_ids(self._console, self._journal.acknowledged_file(served)):
            self._warnings.append(f"going back later cannot say what it discards: {unknown}")

    def _build(self, upgrade: GenerationChange) -> None:
        contents = self.tool.contents(self._names.container)
        volume = self._volume
        self._copy.end_left_over()
        volume.remove(upgrade.generation)
        volume.sweep()
        self.progress.say(f"copying generation {upgrade.previous}")
        stop_server(self.docker, self._names.container)
        self.reached("stopped")
        volume.copy(upgrade.previous, upgrade.generation, without=self._engine.files_of_one_directory)
        self.reached("copied")
        with trial_lock(self.env.name):
            self._copy.make(volume.name, volume.building(upgrade.generation), contents)
        volume.settle(upgrade.generation)
        self.reached("settled")

    def _serve(self, generation: str, definition: ServerDefinition) -> None:
        """Data and server change together: between the first line and the last nothing serves."""
        backend = DockerDatabase(self.docker, definition)
        with database_server_lock(self.env.name):
            self.reached("swapping")
            self.progress.say(f"generation {generation} takes over")
            self._stop_if_there()
            backend.write_configuration()
            self.reached("configured")
            self._volume.serve(generation)
            self.reached("swapped")
            backend.create_server()
            self.reached("started")
        self._swap.open()

    def _stop_if_there(self) -> None:
        if our_container(self.docker, self.env.name, self._names.container) is not None:
            stop_server(self.docker, self._names.container)

    # The upgrade is undone.

    def _reverted(self, confirm: str) -> Outcome:
        before = self._upgrade_in_journal()
        way_back = self._way_back(before)
        if before is not None and before.is_live:
            self._refuse_unconfirmed(way_back, confirm)
        return self._carry_out(before, way_back)

    def _way_back(self, before: GenerationChange | None) -> GenerationChange:
        """The way back from an upgrade that is live, or one that was begun already."""
        if before is not None and before.is_under_way and not before.is_disposable:
            return before
        if before is not None and before.is_under_way:
            raise Refusal(f"{before.name} was cut off while {before.step}", UPGRADE_WAYS)
        if before is None or before.previous not in self._volume.generations().kept:
            raise Refusal(
                "there is no upgrade that could be undone",
                "it is not live, or was confirmed, or followed by a restore; see docs/operate/upgrade.md for a server on an older backup",
            )
        way_back = replace(before.turned_round(), step=ChangeStep.CLOSING, began=datetime.now(UTC), builds=False)
        return self._counted(way_back, before.generation, before.previous)

    def _counted(self, way_back: GenerationChange, left: str, gone_to: str) -> GenerationChange:
        """With how much was acknowledged after the other generation was left."""
        count, unknown = self._acknowledged.discarded(
            self._console, self._journal.discarded_file(left), self._journal.acknowledged_file(gone_to)
        )
        return replace(way_back, discarded=count, unknown=unknown)

    def _refuse_unconfirmed(self, way_back: GenerationChange, confirm: str) -> None:
        if confirm != self._names.volume:
            raise Refusal(
                f"going back to {way_back.to} discards {way_back.lost}, and '{confirm}' does not confirm that",
                f"read {self._journal.discarded_file(way_back.previous)}, then confirm:"
                f" {playbook('upgrade', durable_db_go_back='true', upgrade_confirm=self._names.volume)}",
            )

    def _abandoned(self) -> Outcome:
        before = self._upgrade_in_journal()
        if before is None or not before.is_under_way:
            return self._outcome(False, before, before, "", "")
        if before.step is ChangeStep.SWAPPING:
            self._serve(before.previous, replace(self.wanted, image=self.present_image))
        else:
            self._start_again()
            self._swap.open()
        self.reached("reopened")
        self._copy.end_left_over()
        after = None
        if before.is_disposable:
            self._volume.remove(before.generation)
            self._volume.sweep()
            self._journal.remove()
        else:
            # The upgrade that would have been undone is live, as before.
            after = self._journal.write(before.turned_round().at(ChangeStep.LIVE))
        return self._outcome(True, before, after, before.major, before.previous_major)

    def _start_again(self) -> None:
        """Starts the server, which a run that was killed may have stopped."""
        self.docker.api.start(self._names.container)
        self._swap.await_root()

    def _upgrade_in_journal(self) -> GenerationChange | None:
        found = self._journal.read()
        if found is None or found.kind is Kind.UPGRADE:
            return found
        if not found.is_live:
            raise Refusal(
                f"{found.name} is {found.step}",
                f"end that first: {playbook('restore')} goes on, {playbook('restore', restore_state='abandoned')} goes back",
            )
        return None

    @property
    def _volume(self) -> DataVolume:
        """The volume, looked at by an image that is there, whether a server is or not."""
        image = self.present_image or self.wanted.image or DockerDatabase(self.docker, self.wanted).image
        return DataVolume(self.docker, self.env.name, self._names.volume, image)

    def _outcome(
        self, changed: bool, before: GenerationChange | None, after: GenerationChange | None, present: str, wanted: str
    ) -> Outcome:
        shown = after or before
        return Outcome(
            changed=changed,
            before=_picture(before, present),
            after=_picture(after, wanted),
            facts={
                "volume": self._names.volume,
                "step": shown.step.value if shown else "none",
                "present_major": present,
                "wanted_major": wanted,
                "generation": shown.generation if shown else "",
                "previous": shown.previous if shown else "",
                "discarded": shown.discarded if shown else 0,
                "discarded_unknown": shown.unknown if shown else "",
                **discarded_facts(self._journal.discarded_file(shown.previous) if shown else None),
                "backup": "",
                "rows": 0,
                "seconds": 0.0,
            },
            warnings=self._warnings,
        )


def _picture(upgrade: GenerationChange | None, major: str) -> dict[str, Any]:
    return {"major": major, "upgrade": upgrade.step.value if upgrade else None, "generation": upgrade.generation if upgrade else None}
