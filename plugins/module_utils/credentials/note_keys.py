"""The environment's keys in the key service: the newest wraps what notes are encrypted with, the ones before open what they wrapped."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.base.further_keys import further_keys

FIRST = "kms_key"


def note_keys(values: Mapping[str, str]) -> dict[int, str]:
    """Gives the keys by number from the environment's secrets, `values`. The first key's name has no number."""
    return {1: values[FIRST], **further_keys(values, FIRST)}


def keys_document(values: Mapping[str, str]) -> str:
    """Gives the document with the keys in the form that the emulator reads."""
    return json.dumps({str(number): key for number, key in note_keys(values).items()})


def note_key_id(environment: str, number: int) -> str:
    """The emulator derives the same one (images/emulator/seed.py). It is part of each ciphertext and gives nothing away."""
    name = f"{environment}.echobase.internal"
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name if number == 1 else f"{number}.{name}"))
