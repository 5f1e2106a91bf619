"""The replica takes over: its data become the next generation in the primary's volume, and the primary's are fenced off as the one before.

Names, ports and accounts stay, so nobody has to be told where the database is. No step of it is one that cannot be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.replica.lost_transactions import LostTransactions
from ansible_collections.echobase.platform.plugins.module_utils.replica.promoted_data import PromotedData
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaState, ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import ChangeStep, GenerationChange, GenerationJournal, Kind
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, ignore_step, published_volume

if TYPE_CHECKING:
    from docker import DockerClient

_PATIENCE_SECONDS = 300.0


@dataclass
class ReplicaPromotion:
    docker: DockerClient
    env: Environment
    engine: str
    tool: BackupTool
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def __post_init__(self) -> None:
        self._journal = GenerationJournal(self.env)
        self._watch = ReplicaWatch(self.docker, self.env, self.engine)
        self._primary, self._replica = self._watch.primary, self._watch.console
        self._replication = self._primary.engine.replication
        self._swap = GenerationSwap(self.docker, self.env, self._primary, self.progress, self.reached)
        self._warnings: list[str] = []

    def run(self, state: str, check_mode: bool, *, accept_loss: bool = False) -> Outcome:
        if check_mode:
            return self._ensure(state, accept_loss=accept_loss, check_mode=True)
        with durable_work_lock(self.env.name):
            return self._ensure(state, accept_loss=accept_loss, check_mode=False)

    def _ensure(self, state: str, *, accept_loss: bool, check_mode: bool) -> Outcome:
        self._warnings = []
        before = self._journal.read()
        if before and before.engine != self.engine and before.is_under_way:
            raise Refusal(
                f"{before.name} of {before.engine} was begun and has not ended", f"end it first, with echobase_engine: {before.engine}"
            )
        if state == "abandoned":
            return self._abandoned(before, check_mode)
        return self._promoted(before, accept_loss, check_mode)

    def _promoted(self, before: GenerationChange | None, accept_loss: bool, check_mode: bool) -> Outcome:
        found = self._watch.look()
        if before and before.kind is Kind.PROMOTION and before.is_live and found.server == "missing":
            return self._outcome(changed=False, before=before, after=before)
        promotion = self._begun(before, found)
        if check_mode:
            return self._outcome(changed=True, before=before, after=promotion.at(ChangeStep.LIVE))
        if promotion is not before:
            self._journal.write(promotion)
        if promotion.step is ChangeStep.CLOSING:
            promotion = self._journal.write(self._close(promotion, accept_loss).at(ChangeStep.PROMOTING))
        if promotion.step is ChangeStep.PROMOTING:
            self._promote(promotion)
            promotion = self._journal.write(promotion.at(ChangeStep.SWAPPING))
        self._remove_replica()
        self._swap.to(promotion.generation)
        promotion = self._journal.write(promotion.at(ChangeStep.LIVE))
        self._warnings += self.tool.prepare_if_possible()
        return self._outcome(changed=True, before=before, after=promotion)

    def _begun(self, before: GenerationChange | None, found: ReplicaState) -> GenerationChange:
        if before and before.is_under_way:
            if before.kind is Kind.PROMOTION:
                return before
            raise Refusal(f"{before.name} was cut off while {before.step}", f"first end it: {playbook('restore')}")
        if before and not before.is_live:
            raise Refusal(f"{before.name} is {before.step}", f"first end it: {playbook('restore', restore_state='abandoned')}")
        name = self._replica.container
        if found.server != "running":
            raise Refusal(
                f"nothing can be promoted: {found.problem}",
                f"docker start {name} starts a replica that there is; without one, {playbook('restore')} restores a backup",
            )
        if self._primary.is_answering() and not found.follows:
            raise Refusal(
                f"the primary serves, and {found.problem}",
                f"{playbook('setup_durable', durable_db_replica_rebuild='true')} makes the replica anew",
            )
        generations = published_volume(self.docker, self.env, self.engine).generations()
        if not generations.current:
            raise Refusal(f"volume {self._volume_name} has no generation that is served", f"run {playbook('setup_durable')} first")
        return GenerationChange(Kind.PROMOTION, ChangeStep.CLOSING, self.engine, datetime.now(UTC), generations.next, generations.current)

    # Nobody writes any more, and the replica gets what there is.

    def _close(self, promotion: GenerationChange, accept_loss: bool) -> GenerationChange:
        self.reached("closing")
        if self._primary.is_answering():
            self._hand_over()
            self.reached("handed over")
            lost, unknown = 0, ""
            self._fence(promotion)
        else:
            self._fence(promotion)
            lost, unknown = self._loss(promotion)
            if (lost or unknown) and not accept_loss:
                self._unfence(promotion)
                raise self._refused_loss(lost, unknown)
        self.reached("fenced")
        return replace(promotion, discarded=lost, unknown=unknown)

    def _hand_over(self) -> None:
        self.progress.say("nobody may write any more")
        WriterFence(self.env, self._primary).close()
        self.reached("closed")
        self._warnings += self.tool.archive_if_possible("that serves now")
        self._replica.query(self._replication.go_on_applying)
        [[last]] = self._primary.query(self._replication.primary_position)
        self.progress.say("the replica gets the last of it")
        if not wait_until(lambda: self._replication.distance(self._position(), last) <= 0, _PATIENCE_SECONDS):
            self._swap.open()
            self._journal.remove()
            raise Refusal(
                f"{self._replica.container} did not get all within {_PATIENCE_SECONDS:.0f} s:"
                f" it is at {self._position()}, the primary at {last}",
                f"the primary serves as before; {playbook('status')} tells what keeps the replica",
            )

    def _fence(self, promotion: GenerationChange) -> None:
        """From here on the volume's link leads to a generation that is not there yet, so no server starts on it, whoever asks for that."""
        stop_server(self.docker, self._primary.container)
        self.reached("stopped")
        published_volume(self.docker, self.env, self.engine).serve(promotion.generation)

    def _unfence(self, promotion: GenerationChange) -> None:
        published_volume(self.docker, self.env, self.engine).serve(promotion.previous)
        self._journal.remove()

    def _loss(self, promotion: GenerationChange) -> tuple[int, str]:
        """How many transactions the primary had committed and the replica does not have, or why nobody can tell."""
        self._start_replica()
        self._replica.query(self._replication.go_on_applying)
        self.progress.say("the replica applies what it got")
        if not wait_until(lambda: self._replica.query(self._replication.all_applied) == [["1"]], _PATIENCE_SECONDS):
            self._unfence(promotion)
            problem = self._watch.look().problem or "it is slow"
            raise Refusal(
                f"{self._replica.container} does not apply all that it got: {problem}",
                f"see docker logs {self._replica.container}, then run this again",
            )
        self.progress.say("looking what the primary never sent")
        try:
            return LostTransactions(self.docker, self.env, self.engine).since(self._position(), f"generations/{promotion.previous}"), ""
        except Refusal as refusal:
            return 0, refusal.cause

    def _refused_loss(self, lost: int, unknown: str) -> Refusal:
        what = f"{lost} transactions of the primary never arrived at the replica"
        if unknown:
            what = f"nobody can tell what of the primary never arrived at the replica ({unknown})"
        return Refusal(
            f"{what}; nothing was promoted",
            f"bring the primary back with {playbook('setup_durable')},"
            f" or give them up for good with {playbook('promote_replica', durable_db_accept_loss='true')}",
        )

    # The replica's data take the place that is kept for them.

    def _promote(self, promotion: GenerationChange) -> None:
        self.reached("promoting")
        volume = published_volume(self.docker, self.env, self.engine)
        if promotion.generation not in volume.generations().kept:
            self._start_replica()
            self.progress.say("the replica takes over")
            self._replica.query(self._replication.promote)
            self.reached("promoted")
            stop_server(self.docker, self._replica.container)
            self.reached("replica stopped")
        PromotedData(self.docker, self.env, self.engine, volume.image).move(promotion.generation)
        self.reached("moved")

    def _start_replica(self) -> None:
        self.docker.api.start(self._replica.container)
        if not wait_until(self._replica.is_answering, _PATIENCE_SECONDS):
            raise Refusal(f"{self._replica.container} does not answer", f"see docker logs {self._replica.container}")

    def _remove_replica(self) -> None:
        name = self._replica.container
        if our_container(self.docker, self.env.name, name) is not None:
            self.docker.api.remove_container(name)

    # The promotion is given up.

    def _abandoned(self, before: GenerationChange | None, check_mode: bool) -> Outcome:
        if before is None or before.kind is not Kind.PROMOTION:
            return self._outcome(changed=False, before=None, after=None)
        if before.is_live:
            raise Refusal(
                f"the replica's data serve since {before.began:%Y-%m-%d %H:%M}, as generation {before.generation}",
                f"the way back is a restore, which discards what was written since: {playbook('restore', restore_to=before.previous)}",
            )
        if not check_mode:
            self._swap.to(before.previous)
            self._journal.remove()
        return self._outcome(changed=True, before=before, after=None)

    def _position(self) -> str:
        return self._replica.query(self._replication.replica_position)[0][0]

    @property
    def _volume_name(self) -> str:
        return self.env.server(self.engine).volume

    def _outcome(self, *, changed: bool, before: GenerationChange | None, after: GenerationChange | None) -> Outcome:
        shown = after or before
        return Outcome(
            changed=changed,
            before=_picture(before),
            after=_picture(after),
            facts={
                "volume": self._volume_name,
                "step": after.step.value if after else "none",
                "generation": shown.generation if shown else "",
                "previous": shown.previous if shown else "",
                "lost_transactions": shown.discarded if shown else 0,
                "lost_unknown": shown.unknown if shown else "",
            },
            warnings=self._warnings,
        )


def _picture(promotion: GenerationChange | None) -> dict[str, Any]:
    if promotion is None or promotion.kind is not Kind.PROMOTION:
        return {"promotion": None}
    return {"promotion": promotion.step.value, "generation": promotion.generation, "previous": promotion.previous}
