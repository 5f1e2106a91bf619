"""Another key for what wraps the application's encrypted data, while customers are served.

Whoever wraps with it reads the keys from the same file, from one moment to the next; so nothing is wrapped with a key that the other colour
cannot use. Those that keep keys are waited for until each wraps with the new one. Then what was wrapped before is wrapped anew. The keys
before stay all the same, since backups need them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.key_holders import (
    PATIENCE_SECONDS,
    WRAPPING_KEY,
    KeyHolder,
    await_key_holders,
    refuse_older_releases,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import FIRST, wrapping_key_id, wrapping_keys


@dataclass(frozen=True)
class WrappingKeyRotation:
    environment: str
    secrets: EnvironmentSecrets
    holders: Callable[[], list[KeyHolder]]
    # This wraps anew what older keys wrapped, and tells how much that was.
    rewrap: Callable[[], Mapping[str, int]]
    patience: float = PATIENCE_SECONDS

    def run(self, check: bool) -> Outcome:
        values = self.secrets.known()
        if FIRST not in values:
            raise Refusal("there is no wrapping key yet", f"run {playbook('setup_durable')} first")
        refuse_older_releases(self.holders(), WRAPPING_KEY)
        newest = max(wrapping_keys(values))
        # The last rotation was cut off while it waited, or one of them has not noticed it.
        is_unfinished = newest > 1 and not all(self._wraps_with(newest)(holder.told()) for holder in self.holders())
        if check:
            return Outcome(changed=not is_unfinished)
        if not is_unfinished:
            newest += 1
            self.secrets.change({f"{FIRST}_{newest}": KINDS[FIRST].generate()})
        await_key_holders(self.holders, "encrypt with the new key", self._wraps_with(newest), self.patience)
        done = self.rewrap()
        return Outcome(
            changed=not is_unfinished or bool(done.get("rewrapped")),
            facts={
                "key_id": wrapping_key_id(self.environment, newest),
                "accepted_until": 0,
                "rewrapped": done.get("rewrapped", 0),
            },
            warnings=_warnings(done),
        )

    def _wraps_with(self, number: int) -> Callable[[Mapping[str, Any]], bool]:
        return lambda told: told.get(WRAPPING_KEY) == wrapping_key_id(self.environment, number)


def _warnings(done: Mapping[str, int]) -> list[str]:
    if not done:
        return [
            "no colour has a job that wraps anew (x-echobase.jobs.rewrap), so what was wrapped before stays under the key before -"
            " rotate kms_key again when one is up"
        ]
    unreadable = done.get("unreadable", 0)
    return [f"{unreadable} values cannot be read with any key that we have; they were left as they are"] if unreadable else []
