"""How far a change of the served data has come: written before each step, so that the next run goes on or goes back, never half."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


class ChangeStep(enum.StrEnum):
    # A data directory grows beside the served one. Nothing that is served knows of it.
    BUILDING = "building"
    # It is whole, and a trial server served from it.
    BUILT = "built"
    # Nobody may write any more, and all data are copied into a data directory with another key.
    COPYING = "copying"
    # Nobody may write any more; what was written is archived.
    CLOSING = "closing"
    # The replica stops following, and its data take the place that is kept for them.
    PROMOTING = "promoting"
    # The server stops, the link moves, the server starts.
    SWAPPING = "swapping"
    # It serves, and the generation before is kept.
    LIVE = "live"


_UNDER_WAY = (ChangeStep.COPYING, ChangeStep.CLOSING, ChangeStep.PROMOTING, ChangeStep.SWAPPING)


class Kind(enum.StrEnum):
    RESTORE = "restore"
    UPGRADE = "upgrade"
    # The data of a replica take the place of its primary's data.
    PROMOTION = "promotion"
    # The same data take their own place, encrypted with another key.
    NEW_KEY = "new key"


_ABANDON = playbook("restore", restore_state="abandoned")
UPGRADE_WAYS = f"{playbook('upgrade')} goes on, {playbook('upgrade', upgrade_state='abandoned')} goes back"
_WAYS = {
    Kind.RESTORE: f"{playbook('restore')} with the same variables goes on, {_ABANDON} goes back",
    Kind.UPGRADE: UPGRADE_WAYS,
    Kind.PROMOTION: f"{playbook('promote_replica')} goes on, {playbook('promote_replica', promote_replica_state='abandoned')} goes back",
    Kind.NEW_KEY: (f"{playbook('rotate_secrets')} with the same variables goes on, {_ABANDON} goes back"),
}


@dataclass(frozen=True)
class GenerationChange:
    """One generation of a database's data takes the place of another, and how far that has come."""

    kind: Kind
    step: ChangeStep
    engine: str
    began: datetime
    generation: str
    previous: str
    # Where a restore ends, as the user named it, or the version that an upgrade leads to.
    to: str = ""
    # A restore is made from this one.
    backup: str = ""
    # The generation is made for this; otherwise it was there before.
    builds: bool = False
    rows: int = 0
    discarded: int = 0
    # This says why nobody knows what would be discarded; it is empty when that is known.
    unknown: str = ""
    # The major versions of the two generations of an upgrade.
    major: str = ""
    previous_major: str = ""

    @property
    def lost(self) -> str:
        """What it discards, in a user's words."""
        return self.unknown or f"{self.discarded} acknowledged entries"

    @property
    def name(self) -> str:
        """What it is, in a user's words."""
        names = {
            Kind.RESTORE: f"a restore to {self.to}",
            Kind.UPGRADE: f"an upgrade to {self.to}",
            Kind.PROMOTION: "the promotion of the replica",
            Kind.NEW_KEY: "the change of the data's key",
        }
        return names[self.kind]

    @property
    def is_under_way(self) -> bool:
        """What is served may be neither the one nor the other: nobody can write until this is ended."""
        return self.step in _UNDER_WAY

    @property
    def is_live(self) -> bool:
        return self.step is ChangeStep.LIVE

    @property
    def is_disposable(self) -> bool:
        """The generation was built for this and never served."""
        return self.builds and not self.is_live

    def at(self, step: ChangeStep) -> GenerationChange:
        return replace(self, step=step)

    def turned_round(self) -> GenerationChange:
        """The same upgrade the other way round."""
        return replace(
            self,
            generation=self.previous,
            previous=self.generation,
            major=self.previous_major,
            previous_major=self.major,
            to=f"{self.engine} {self.previous_major}",
        )


class GenerationJournal:
    def __init__(self, env: Environment) -> None:
        self._file = Path(env.path("durable", "restore.json"))

    @property
    def folder(self) -> Path:
        return self._file.parent

    def acknowledged_file(self, generation: str) -> Path:
        """The file with what this generation had acknowledged when it was left."""
        return self.folder / f"acknowledged-of-{generation}"

    def discarded_file(self, left: str) -> Path:
        """The file with what leaving this generation discards."""
        return self.folder / f"discarded-by-leaving-{left}.tsv"

    def read(self) -> GenerationChange | None:
        try:
            return _change_from(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError) as error:
            raise Refusal(
                f"{self._file} is damaged ({error})",
                f"note which generation the link 'current' in the database's volume names, then: mv {self._file} {self._file}.damaged",
            ) from error

    def refuse_under_way(self, *kinds: Kind) -> None:
        """Refuses while a change of one of these kinds, by default of any, is half done: nothing else may happen to the database then."""
        change = self.read()
        if change is not None and change.is_under_way and change.kind in (kinds or Kind):
            raise Refusal(f"{change.name} was cut off while {change.step}: nobody can write", _WAYS[change.kind])

    def write(self, change: GenerationChange) -> GenerationChange:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._file, json.dumps(asdict(change), default=_text, indent=1) + "\n")
        return change

    def remove(self) -> None:
        self._file.unlink(missing_ok=True)
        sync_directory(self.folder)


def _change_from(content: dict[str, Any]) -> GenerationChange:
    if "kind" not in content:
        content = _with_kind(content)
    return GenerationChange(
        **content | {"kind": Kind(content["kind"]), "step": ChangeStep(content["step"]), "began": datetime.fromisoformat(content["began"])}
    )


def _with_kind(content: dict[str, Any]) -> dict[str, Any]:
    """A journal from before there were kinds, which an update may find half-way: its texts told them apart."""
    to, backup = content["to"], content.get("backup", "")
    kind = {"the replica": Kind.PROMOTION, "a new key": Kind.NEW_KEY}.get(to, Kind.UPGRADE if content.get("major") else Kind.RESTORE)
    return content | {
        "kind": kind,
        "to": to if kind in (Kind.RESTORE, Kind.UPGRADE) else "",
        "backup": backup if kind is Kind.RESTORE else "",
        "builds": bool(backup),
    }


def _text(value: Any) -> str:
    return str(value.isoformat())
