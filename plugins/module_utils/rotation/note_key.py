"""Another key for the notes of orders, while customers are served.

Every emulator knows the new key from one moment to the next, since all of them read the same file; so nothing is wrapped with a key that
the other colour cannot use. The gateways are waited for until each has a data key of the new one. Then what was wrapped before is wrapped
anew. The keys before stay all the same, since backups need them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.gateways import (
    PATIENCE_SECONDS,
    Gateway,
    await_gateways,
    refuse_older_releases,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.note_keys import FIRST, note_key_id, note_keys
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS


@dataclass(frozen=True)
class NoteKeyRotation:
    environment: str
    secrets: EnvironmentSecrets
    gateways: Callable[[], list[Gateway]]
    # This encrypts the data keys of the notes in the database anew, and tells how many it did.
    rewrap: Callable[[], Mapping[str, int]]
    patience: float = PATIENCE_SECONDS

    def run(self, check: bool) -> Outcome:
        values = self.secrets.known()
        if FIRST not in values:
            raise Refusal("there is no key of notes yet", f"run {playbook('setup_durable')} first")
        refuse_older_releases(self.gateways())
        newest = max(note_keys(values))
        # The last rotation was cut off while it waited for the gateways, or one of them has not noticed it.
        is_unfinished = newest > 1 and not all(self._wraps_with(newest)(gateway.readiness()) for gateway in self.gateways())
        if check:
            return Outcome(changed=not is_unfinished)
        if not is_unfinished:
            newest += 1
            self.secrets.change({f"{FIRST}_{newest}": KINDS[FIRST].generate()})
        await_gateways(self.gateways, "encrypt with the new key", self._wraps_with(newest), self.patience)
        done = self.rewrap()
        return Outcome(
            changed=not is_unfinished or bool(done.get("notes")),
            facts={"key_id": note_key_id(self.environment, newest), "accepted_until": 0, "rewrapped": done.get("notes", 0)},
            warnings=_warnings(done),
        )

    def _wraps_with(self, number: int) -> Callable[[Mapping[str, Any]], bool]:
        return lambda told: told.get("note_key") == note_key_id(self.environment, number)


def _warnings(done: Mapping[str, int]) -> list[str]:
    if not done:
        return ["no gateway runs, so the notes from before stay under the key before - rotate kms_key again when a colour is up"]
    unreadable = done.get("unreadable", 0)
    return [f"{unreadable} notes cannot be read with any key that we have; they were left as they are"] if unreadable else []
