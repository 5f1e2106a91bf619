"""How far a restore or an upgrade has come: written before each step, so that the next run goes on or goes back, never half."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


class Step(enum.StrEnum):
    # A data directory grows beside the served one. Nothing that is served knows of it.
    BUILDING = "building"
    # It is whole, and a trial server served from it.
    BUILT = "built"
    # Nobody may write any more, and what there is is copied into a data directory with another key.
    COPYING = "copying"
    # Nobody may write any more; what was written is archived.
    CLOSING = "closing"
    # The replica stops following, and its data take the place that is kept for them.
    PROMOTING = "promoting"
    # The server stops, the link moves, the server starts.
    SWAPPING = "swapping"
    # It serves, and the generation before is kept.
    LIVE = "live"


_UNDER_WAY = (Step.COPYING, Step.CLOSING, Step.PROMOTING, Step.SWAPPING)
# Where a "restore" ends that is the promotion of a replica.
REPLICA = "the replica"
# What a change of the key leads to, in the place of a point.
NEW_KEY = "a new key"
UPGRADE_WAYS = "playbooks/upgrade.yml goes on, with -e upgrade_state=abandoned it goes back"


@dataclass(frozen=True)
class Restore:
    step: Step
    engine: str
    # As the user named the point.
    to: str
    began: datetime
    generation: str
    previous: str
    # Empty for a generation that was there already.
    backup: str = ""
    rows: int = 0
    discarded: int = 0
    # Why what would be discarded is not known; empty when it is.
    unknown: str = ""
    # Of an upgrade alone: the major versions of the two generations.
    major: str = ""
    previous_major: str = ""

    @property
    def is_upgrade(self) -> bool:
        return bool(self.major)

    @property
    def name(self) -> str:
        return f"{'an upgrade' if self.is_upgrade else 'a restore'} to {self.to}"

    @property
    def is_under_way(self) -> bool:
        """What is served may be neither the one nor the other: nobody can write until this is ended."""
        return self.step in _UNDER_WAY

    @property
    def is_live(self) -> bool:
        return self.step is Step.LIVE

    @property
    def is_promotion(self) -> bool:
        return self.to == REPLICA

    @property
    def is_disposable(self) -> bool:
        """The generation was built by this restore and never served."""
        return bool(self.backup) and not self.is_live

    def at(self, step: Step) -> Restore:
        return replace(self, step=step)


class RestoreJournal:
    def __init__(self, env: Environment) -> None:
        self._file = Path(env.path("durable", "restore.json"))

    @property
    def folder(self) -> Path:
        return self._file.parent

    def read(self) -> Restore | None:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            return Restore(**{**content, "step": Step(content["step"]), "began": datetime.fromisoformat(content["began"])})
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError) as error:
            raise Refusal(
                f"{self._file} is damaged ({error})",
                "look which generation the volume's link 'current' names, then move that file away",
            ) from error

    def refuse_under_way(self) -> None:
        """Whatever else is wanted of the database waits until somebody decided about this."""
        restore = self.read()
        self.refuse_promotion_under_way()
        if restore is not None and restore.is_under_way:
            playbook = "rotate_secrets" if restore.to == NEW_KEY else "restore"
            ways = f"playbooks/{playbook}.yml with the same variables goes on, playbooks/restore.yml -e restore_state=abandoned goes back"
            raise Refusal(
                f"{restore.name} was cut off while {restore.step}: nobody can write", UPGRADE_WAYS if restore.is_upgrade else ways
            )

    def refuse_promotion_under_way(self) -> None:
        restore = self.read()
        if restore is not None and restore.is_promotion and restore.is_under_way:
            raise Refusal(
                f"the promotion of the replica was cut off while {restore.step}: nobody can write",
                "playbooks/promote_replica.yml goes on, with promote_replica_state=abandoned it goes back",
            )

    def write(self, restore: Restore) -> Restore:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._file, json.dumps(asdict(restore), default=_text, indent=1) + "\n")
        return restore

    def remove(self) -> None:
        self._file.unlink(missing_ok=True)
        sync_directory(self.folder)


def _text(value: Any) -> str:
    return str(value.isoformat())
