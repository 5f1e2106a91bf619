"""What was proved about an environment's backups, and what went wrong last: a file beside the repository."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Damage
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


@dataclass(frozen=True)
class Proof:
    """This backup was restored, with the log up to the mark, and held what the database held then."""

    at: datetime
    mark: str
    marked: datetime
    seconds: float
    rows: int
    # Each table had this many rows and this checksum.
    tables: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Failure:
    at: datetime
    what: str
    cause: str


@dataclass(frozen=True)
class Reading:
    """When a part of the repository was read, or was first heard of; and what was damaged in it."""

    at: datetime
    damage: tuple[Damage, ...] = ()


@dataclass(frozen=True)
class Record:
    proofs: dict[str, Proof] = field(default_factory=dict)
    failure: Failure | None = None
    # The keys are the names of the parts.
    readings: dict[str, Reading] = field(default_factory=dict)

    @property
    def damage(self) -> list[Damage]:
        return [damage for reading in self.readings.values() for damage in reading.damage]

    def proved(self, backup: str, proof: Proof) -> Record:
        return replace(self, proofs={**self.proofs, backup: proof}, failure=None)

    def disproved(self, backup: str) -> Record:
        return self.only(set(self.proofs) - {backup})

    def read(self, readings: dict[str, Reading]) -> Record:
        """A backup that cannot be restored any more is not proved any more."""
        record = replace(self, readings=readings)
        return record.only(set(self.proofs) - {name for damage in record.damage for name in damage.backups})

    def failed(self, failure: Failure | None) -> Record:
        return replace(self, failure=failure)

    def only(self, backups: set[str]) -> Record:
        return replace(self, proofs={name: proof for name, proof in self.proofs.items() if name in backups})


class BackupRecord:
    def __init__(self, env: Environment, engine: str) -> None:
        self.file = Path(env.path("backups", f"{engine}-verified.json"))

    def read(self) -> Record:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            return Record(
                proofs={name: _proof(proof) for name, proof in content["proofs"].items()},
                failure=_failure(content["failure"]) if content["failure"] else None,
                # A record of an earlier version has no readings.
                readings={part: _reading(reading) for part, reading in content.get("readings", {}).items()},
            )
        except FileNotFoundError:
            return Record()
        except (ValueError, LookupError, TypeError) as error:
            raise Refusal(f"{self.file} is damaged ({error})", f"move it away: {playbook('backup')} proves the backups anew") from error

    def write(self, record: Record) -> None:
        self.file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_durably(self.file, json.dumps(asdict(record), default=_text, indent=1, sort_keys=True) + "\n", mode=0o644)


def _proof(content: dict[str, Any]) -> Proof:
    tables = {table: (int(rows), str(checksum)) for table, (rows, checksum) in content["tables"].items()}
    moments = {name: datetime.fromisoformat(content[name]) for name in ("at", "marked")}
    return Proof(mark=content["mark"], seconds=content["seconds"], rows=content["rows"], tables=tables, **moments)


def _failure(content: dict[str, Any]) -> Failure:
    return Failure(datetime.fromisoformat(content["at"]), content["what"], content["cause"])


def _reading(content: dict[str, Any]) -> Reading:
    damage = tuple(Damage(one["what"], tuple(one["backups"])) for one in content["damage"])
    return Reading(datetime.fromisoformat(content["at"]), damage)


def _text(value: Any) -> str:
    return str(value.isoformat())
