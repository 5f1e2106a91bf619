from __future__ import annotations

import json

from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import completed, expired_values
from ansible_collections.echobase.platform.plugins.module_utils.credentials.token_keys import (
    BEFORE,
    BEFORE_UNTIL,
    NEXT,
    TokenKeys,
    expired,
    key_id,
)

VALUES = completed({})
OTHER, THIRD = KINDS["token_key"].generate(), KINDS["token_key"].generate()


def test_an_environment_that_never_rotated_has_one_key() -> None:
    assert json.loads(TokenKeys.of(VALUES).document) == {
        "current": key_id(VALUES["token_key"]),
        "keys": {key_id(VALUES["token_key"]): VALUES["token_key"]},
        "until": {},
    }


def test_the_next_key_is_accepted_and_does_not_sign() -> None:
    document = json.loads(TokenKeys.of(VALUES | {NEXT: OTHER}).document)
    assert document["current"] == key_id(VALUES["token_key"])
    assert set(document["keys"].values()) == {VALUES["token_key"], OTHER}


def test_the_key_before_counts_until_it_is_time_and_is_forgotten_then() -> None:
    rotated = VALUES | {BEFORE: OTHER, BEFORE_UNTIL: "1000"}
    assert json.loads(TokenKeys.of(rotated).document)["until"] == {key_id(OTHER): 1000}
    assert TokenKeys.of(rotated).counts_before(999.5)
    assert not TokenKeys.of(rotated).counts_before(1000)
    assert expired(rotated, 999) == []
    assert expired(rotated, 1000) == [BEFORE, BEFORE_UNTIL]
    # Whatever runs next forgets it, since that time has long passed.
    assert expired_values(rotated) == [BEFORE, BEFORE_UNTIL]
    assert completed(rotated) == VALUES
    assert completed(rotated | {BEFORE_UNTIL: "99999999999"})[BEFORE] == OTHER
