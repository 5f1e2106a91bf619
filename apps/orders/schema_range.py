"""The schemas that this release runs on. Expand only ever adds, so newer is fine; a contract takes away, so it must be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

VERSION_TABLE = "migrations"
EXPAND_AT_LEAST = "expand_0005"
NO_CONTRACT = ""
CONTRACTS = (NO_CONTRACT, "contract_0001")
# The version table leaves out a revision which another one in it requires.
IMPLIED_EXPAND = {"contract_0001": "expand_0002"}


@dataclass(frozen=True)
class SchemaRevisions:
    """How far each of the two branches has been applied; empty where nothing has."""

    expand: str
    contract: str

    @classmethod
    def of(cls, rows: Iterable[str]) -> SchemaRevisions:
        applied = set(rows)
        applied |= {IMPLIED_EXPAND[row] for row in applied & IMPLIED_EXPAND.keys()}
        return cls(expand=_latest("expand_", applied), contract=_latest("contract_", applied))

    @property
    def within_range(self) -> bool:
        return self.expand >= EXPAND_AT_LEAST and self.contract in CONTRACTS


def _latest(branch: str, applied: set[str]) -> str:
    return max((revision for revision in applied if revision.startswith(branch)), default="")
