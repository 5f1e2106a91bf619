"""Restoring a database beside the one that serves, then putting it in its place: no step of it is one that cannot be repeated or undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.acknowledged import Acknowledged, discarded_facts
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import refuse_missing_key
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock, trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import (
    UPGRADE_WAYS,
    ChangeStep,
    GenerationChange,
    GenerationJournal,
    Kind,
)
from ansible_collections.echobase.platform.plugins.module_utils.restore.point import LATEST, Candidate, RestorePoint, choose, parse
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, ignore_step, published_volume, ways_on
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume, Generations

if TYPE_CHECKING:
    from docker import DockerClient

# How whoever watches calls them: what takes long, what ends with other data being served, and what only tidies.
_OPERATIONS = {"built": "restore", "live": "restore_swap", "abandoned": "restore_abandon", "confirmed": "restore_confirm"}
GO_BACK = f"{playbook('upgrade', durable_db_go_back='true')} goes back while what was before is kept"


@dataclass
class DatabaseRestore:
    docker: DockerClient
    env: Environment
    engine: str
    tool: BackupTool
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def __post_init__(self) -> None:
        self._names = self.env.server(self.engine)
        self._journal = GenerationJournal(self.env)
        self._console = ServerConsole(engine_named(self.engine), self.env)
        self._acknowledged = Acknowledged.by_live_release(self.env, self.engine)
        self._swap = GenerationSwap(self.docker, self.env, self._console, self.progress, self.reached)
        self._warnings: list[str] = []

    def run(self, state: str, to: str, confirm: str, check_mode: bool) -> Outcome:
        if check_mode:
            return self._ensure(state, to, confirm, check_mode=True)
        with durable_work_lock(self.env.name):
            record = OperationRecord(self.env, _OPERATIONS[state], self.engine)
            return record.of(lambda: self._ensure(state, to, confirm, check_mode=False))

    def _ensure(self, state: str, to: str, confirm: str, *, check_mode: bool) -> Outcome:
        self._warnings = []
        self._journal.refuse_under_way(Kind.PROMOTION)
        if state == "built":
            return self._built(to, check_mode)
        if state == "live":
            return self._live(confirm, check_mode)
        if state == "abandoned":
            return self._abandoned(check_mode)
        return self._confirmed(confirm, check_mode)

    # A restore is built beside the served data, of which nothing is touched.

    def _built(self, to: str, check_mode: bool) -> Outcome:
        refuse_missing_key(self.env)
        wanted = parse(to)
        before = self._journal.read()
        _refuse_upgrade(before)
        if before and (before.step is ChangeStep.BUILT or before.is_under_way) and self._leads_to(before, wanted):
            return self._outcome(changed=False, before=before, after=before)
        if before and before.is_under_way:
            raise Refusal(f"{before.name} was cut off while {before.step}", f"first end it: {ways_on(self._names.volume)}")
        volume = self._volume()
        generations = volume.generations()
        generation = wanted.generation or (before.generation if before and before.is_disposable else generations.next)
        candidates = [] if wanted.generation else self._candidates(wanted, check_mode)
        self._refuse_impossible(wanted, volume, generations)
        restore = GenerationChange(
            Kind.RESTORE,
            ChangeStep.BUILDING,
            self.engine,
            datetime.now(UTC),
            generation,
            generations.current,
            to=to,
            backup=candidates[0].backup.name if candidates else "",
            builds=bool(candidates),
        )
        if check_mode:
            return self._outcome(changed=True, before=before, after=restore.at(ChangeStep.BUILT), candidates=candidates)
        self._clear_away(before, volume)
        self._journal.write(restore)
        self.reached("building")
        built = self._restored(restore, volume, candidates, wanted) if candidates else restore
        built = self._tried(built, volume, building=bool(candidates))
        built = self._journal.write(built.at(ChangeStep.BUILT))
        return self._outcome(changed=True, before=before, after=built, candidates=candidates)

    def _leads_to(self, change: GenerationChange, wanted: RestorePoint) -> bool:
        """Whether the change leads to the wanted point. Points are parsed, since one moment may be written in many ways."""
        return change.kind is Kind.RESTORE and change.engine == self.engine and parse(change.to) == wanted

    def _candidates(self, wanted: RestorePoint, check_mode: bool) -> list[Candidate]:
        if not check_mode and wanted.text == LATEST:
            self._warnings += self.tool.archive_if_possible("that serves now")
        backups = self.tool.backups()
        candidates = list(map(Candidate, backups, self.tool.archives_after(backups)))
        marks = {proof.mark: proof.marked for proof in BackupRecord(self.env, self.engine).read().proofs.values()}
        return choose(wanted, candidates, marks)

    def _refuse_impossible(self, wanted: RestorePoint, volume: DataVolume, generations: Generations) -> None:
        if not generations.current:
            raise Refusal(f"volume {volume.name} has no generation that is served", f"run {playbook('setup_durable')} first")
        if wanted.generation:
            others = [name for name in generations.kept if name != generations.current]
            if wanted.generation not in others:
                raise Refusal(
                    f"generation {wanted.generation} of volume {volume.name} is not there to go to",
                    f"there are: {', '.join(others) or 'none'}",
                )
            served, there = volume.majors(wanted.generation)
            if there != served:
                raise Refusal(f"generation {wanted.generation} is of {self.engine} {there}, and {served} serves", GO_BACK)
            return
        volume.refuse_without_room(generations.current)

    def _clear_away(self, before: GenerationChange | None, volume: DataVolume) -> None:
        if before and before.is_disposable:
            volume.remove(before.generation)
        volume.sweep()

    def _restored(
        self, restore: GenerationChange, volume: DataVolume, candidates: list[Candidate], wanted: RestorePoint
    ) -> GenerationChange:
        failures = []
        for candidate in candidates:
            name = candidate.backup.name
            self.progress.say(f"restoring {name} into generation {restore.generation}")
            try:
                self.tool.restore(candidate.backup, wanted.point, volume.name, volume.building(restore.generation))
            except Refusal as refusal:
                failures.append(f"{name}: {refusal.cause}")
                volume.sweep()
            else:
                self._warnings += [f"an older backup had to do, for {failure}" for failure in failures]
                return replace(restore, backup=name)
        raise Refusal(
            f"no backup leads to {restore.to}: {'; '.join(failures)}",
            "choose another point; docs/operate/backup-and-restore.md tells what to do about a damaged repository",
        )

    def _tried(self, restore: GenerationChange, volume: DataVolume, *, building: bool) -> GenerationChange:
        """A server serves from the new generation, the application logs in, and what only the served one has is listed."""
        self.progress.say(f"trying generation {restore.generation}")
        folder = volume.building(restore.generation) if building else f"generations/{restore.generation}"
        with trial_lock(self.env.name), trial_server(self.docker, self.env, self.engine, volume.name, folder) as trial:
            rows = sum(count for count, _checksum in self.tool.contents(trial.container).values())
            trial.log_in_as_application()
            unknown = self._acknowledged.write_ids(trial.console, self._ids_file)
        self.reached("tried")
        if building:
            volume.settle(restore.generation)
        self.reached("settled")
        return replace(restore, rows=rows, unknown=unknown) if unknown else self._counted(replace(restore, rows=rows))

    def _counted(self, restore: GenerationChange) -> GenerationChange:
        if not self._console.is_answering():
            unknown = f"{self._names.container} does not answer, so nobody knows what it has beyond what is restored"
            self._warnings.append(unknown)
            return replace(restore, unknown=unknown)
        count, unknown = self._acknowledged.discarded(self._console, self._discarded_file(restore), self._ids_file)
        return replace(restore, discarded=count, unknown=unknown)

    # The new generation takes the place of the served one.

    def _live(self, confirm: str, check_mode: bool) -> Outcome:
        before = self._journal.read()
        _refuse_upgrade(before)
        if before is None or before.step in (ChangeStep.BUILDING, ChangeStep.COPYING):
            raise Refusal("nothing is built that could go live", f"first build it: {playbook('restore', restore_to='<moment>')}")
        if before.engine != self.engine:
            raise Refusal(
                f"what is built is a restore of {before.engine}",
                f"set echobase_engine: {before.engine} in the inventory, then run this again",
            )
        if before.is_live:
            return self._outcome(changed=False, before=before, after=before)
        if confirm != self._names.volume:
            raise Refusal(
                f"{before.name} discards {before.lost}, and '{confirm}' does not confirm that",
                f"read {self._discarded_file(before)}, then confirm:"
                f" {playbook('restore', restore_to=before.to, restore_confirm=self._names.volume)}",
            )
        if check_mode:
            return self._outcome(changed=True, before=before, after=before.at(ChangeStep.LIVE))
        restore = before
        if restore.step is ChangeStep.BUILT:
            restore = self._journal.write(restore.at(ChangeStep.CLOSING))
        if restore.step is ChangeStep.CLOSING:
            restore = self._close(restore)
        restore = self._journal.write(restore.at(ChangeStep.SWAPPING))
        self._swap.to(restore.generation)
        restore = self._journal.write(restore.at(ChangeStep.LIVE))
        self._warnings += self.tool.prepare_if_possible()
        return self._outcome(changed=True, before=before, after=restore)

    def _close(self, restore: GenerationChange) -> GenerationChange:
        self.reached("closing")
        if self._console.is_answering():
            self.progress.say("nobody may write any more")
            WriterFence(self.env, self._console).close()
            self.reached("closed")
            self._warnings += self.tool.archive_if_possible("that serves now")
        return self._counted(restore)

    # The restore is given up, or what was before it.

    def _abandoned(self, check_mode: bool) -> Outcome:
        before = self._journal.read()
        _refuse_upgrade(before)
        if before is None:
            return self._outcome(changed=False, before=None, after=None)
        if before.is_live:
            raise Refusal(
                f"generation {before.generation} is live since {before.name}",
                GO_BACK
                if before.kind is Kind.UPGRADE
                else f"the way back is a restore, too: {playbook('restore', restore_to=before.previous)}",
            )
        if check_mode:
            return self._outcome(changed=True, before=before, after=None)
        if before.step is ChangeStep.SWAPPING:
            self._swap.to(before.previous)
        elif before.step in (ChangeStep.COPYING, ChangeStep.CLOSING) and self._console.is_answering():
            self._swap.open()
        self.reached("reopened")
        self._clear_away(before, self._volume())
        self._journal.remove()
        return self._outcome(changed=True, before=before, after=None)

    def _confirmed(self, generation: str, check_mode: bool) -> Outcome:
        """Removes the generation that served before, for good."""
        before = self._journal.read()
        _refuse_upgrade(before)
        if before is None:
            return self._outcome(changed=False, before=None, after=None)
        if not before.is_live:
            raise Refusal(f"{before.name} is not live but {before.step}", ways_on(self._names.volume))
        if generation != before.previous:
            raise Refusal(
                f"'{generation}' does not confirm that generation {before.previous}, which served before {before.name}, may be deleted",
                f"{playbook('restore', restore_state='confirmed', restore_confirm=before.previous)} deletes it for good",
            )
        if not check_mode:
            self._volume().remove(before.previous)
            for file in (self._ids_file, self._journal.acknowledged_file(before.previous)):
                file.unlink(missing_ok=True)
            self._journal.remove()
        return self._outcome(changed=True, before=before, after=None)

    @property
    def _ids_file(self) -> Path:
        return self._journal.folder / "restored-entries"

    def _discarded_file(self, restore: GenerationChange) -> Path:
        return self._journal.folder / f"discarded-by-{restore.generation}.tsv"

    def _volume(self) -> DataVolume:
        return published_volume(self.docker, self.env, self.engine)

    def _outcome(
        self, *, changed: bool, before: GenerationChange | None, after: GenerationChange | None, candidates: list[Candidate] | None = None
    ) -> Outcome:
        shown = after or before
        return Outcome(
            changed=changed,
            before=_picture(before),
            after=_picture(after),
            facts={
                "volume": self._names.volume,
                "step": after.step.value if after else "none",
                "generation": shown.generation if shown else "",
                "previous": shown.previous if shown else "",
                "backup": shown.backup if shown else "",
                "rows": shown.rows if shown else 0,
                "discarded": shown.discarded if shown else 0,
                "discarded_unknown": shown.unknown if shown else "",
                **discarded_facts(self._discarded_file(shown) if shown else None),
                "restorable_until": [f"{one.backup.name}: {one.archive.until.isoformat()}" for one in candidates or []],
            },
            warnings=self._warnings,
        )


def _refuse_upgrade(before: GenerationChange | None) -> None:
    if before is not None and before.kind is Kind.UPGRADE and before.is_under_way:
        raise Refusal(f"{before.name} was cut off while {before.step}", UPGRADE_WAYS)


def _picture(restore: GenerationChange | None) -> dict[str, Any]:
    if restore is None:
        return {"restore": None}
    return {
        "restore": restore.step.value,
        "to": restore.to,
        "backup": restore.backup or None,
        "generation": restore.generation,
        "previous": restore.previous,
    }
