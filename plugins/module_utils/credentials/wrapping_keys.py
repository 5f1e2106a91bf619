"""The keys that wrap those of what the application encrypts: the newest wraps, the ones before open what they wrapped."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.base.further_keys import further_keys

FIRST = "kms_key"


def wrapping_keys(values: Mapping[str, str]) -> dict[int, str]:
    """Gives the keys by number from the environment's secrets, `values`. The first key's name has no number."""
    return {1: values[FIRST], **further_keys(values, FIRST)}


def keys_document(values: Mapping[str, str]) -> str:
    """Gives the document with the keys in the form that a key service reads."""
    return json.dumps({str(number): key for number, key in wrapping_keys(values).items()})


def wrapping_key_id(environment: str, number: int) -> str:
    """A key service derives the same one (images/emulator/seed.py). It is part of each ciphertext and gives nothing away."""
    name = f"{environment}.echobase.internal"
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name if number == 1 else f"{number}.{name}"))
