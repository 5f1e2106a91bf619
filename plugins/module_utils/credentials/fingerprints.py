"""Which keys data were made with: fingerprints, in a file beside the secrets, that give none of them away.

A version that brings a new key finds old data without it; a secrets.json that was lost, or put back from before, lacks one that data need.
Only this record tells the two apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import FURTHER_KEY, KINDS


@dataclass(frozen=True)
class KeyRecord:
    file: Path

    def load(self) -> dict[str, str]:
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Refusal(f"{self.file} is damaged", "restore it from your backup; nothing was changed") from error
        if not isinstance(found, dict):
            raise Refusal(f"{self.file} is damaged: no table of names", "restore it from your backup; nothing was changed")
        return found

    def save(self, values: Mapping[str, str]) -> None:
        write_durably(self.file, json.dumps(fingerprints(values), indent=2, sort_keys=True) + "\n", mode=0o600)


def fingerprints(values: Mapping[str, str]) -> dict[str, str]:
    return {
        name: hashlib.sha256(f"{name}:{values[name]}".encode()).hexdigest()[:16]
        for name in values
        if (name in KINDS and KINDS[name].recorded) or FURTHER_KEY.fullmatch(name)
    }
