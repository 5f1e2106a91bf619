"""Another key for the tokens that an application signs, while customers are served.

Every service that keeps it and runs accepts the new key before the first one signs with it. Then tokens of the key before stay valid until
they would have expired anyway, or are refused at once if the key leaked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.key_holders import (
    PATIENCE_SECONDS,
    TOKEN_KEYS,
    KeyHolder,
    await_key_holders,
    refuse_older_releases,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.credentials.token_keys import (
    BEFORE,
    BEFORE_UNTIL,
    CURRENT,
    NEXT,
    TokenKeys,
    key_id,
)

# Somebody may still sign with the old key for a moment after we looked at the clock.
_MARGIN_SECONDS = 60


@dataclass(frozen=True)
class TokenKeyRotation:
    """`overlap` is for how many seconds tokens of the key before stay valid; 0 refuses them as soon as the new key signs."""

    secrets: EnvironmentSecrets
    holders: Callable[[], list[KeyHolder]]
    overlap: int
    clock: Callable[[], float] = time.time
    patience: float = PATIENCE_SECONDS

    def run(self, check: bool) -> Outcome:
        values = self.secrets.known()
        if CURRENT not in values:
            raise Refusal("there is no key of tokens yet", f"run {playbook('setup_durable')} first")
        keys = TokenKeys.of(values)
        refuse_older_releases(self.holders(), TOKEN_KEYS)
        if not keys.next and keys.counts_before(self.clock()) and self.overlap:
            # The last rotation is not over, or was cut off while it waited for them.
            if not check:
                self._await_everywhere("sign with the new key", lambda told: told["signs"] == key_id(keys.current))
            return self._outcome(keys, changed=False)
        if check:
            return Outcome(changed=True)
        keys = self._made_known(keys)
        keys = self._signing(keys)
        if not self.overlap:
            keys = self._alone(keys)
        return self._outcome(keys, changed=True)

    def _made_known(self, keys: TokenKeys) -> TokenKeys:
        if not keys.next:
            self.secrets.change({NEXT: KINDS[CURRENT].generate()})
        keys = TokenKeys.of(self.secrets.known())
        self._await_everywhere("accept the new key", lambda told: key_id(keys.next) in told["accepted"])
        return keys

    def _signing(self, keys: TokenKeys) -> TokenKeys:
        until = int(self.clock()) + _MARGIN_SECONDS + self.overlap
        self.secrets.change({CURRENT: keys.next, BEFORE: keys.current, BEFORE_UNTIL: str(until)}, dropped=[NEXT])
        self._await_everywhere("sign with the new key", lambda told: told["signs"] == key_id(keys.next))
        return TokenKeys.of(self.secrets.known())

    def _alone(self, keys: TokenKeys) -> TokenKeys:
        self.secrets.change({}, dropped=[BEFORE, BEFORE_UNTIL])
        self._await_everywhere("refuse the key before", lambda told: told["accepted"] == [key_id(keys.current)])
        return TokenKeys.of(self.secrets.known())

    def _await_everywhere(self, what: str, is_so: Callable[[Mapping[str, Any]], bool]) -> None:
        await_key_holders(self.holders, what, lambda told: TOKEN_KEYS in told and is_so(told[TOKEN_KEYS]), self.patience)

    def _outcome(self, keys: TokenKeys, changed: bool) -> Outcome:
        before = {"accepted_until": keys.until} if keys.counts_before(self.clock()) else {}
        return Outcome(changed=changed, facts={"key_id": key_id(keys.current), "accepted_until": 0, **before})
