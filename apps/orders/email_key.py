"""When two spellings of an e-mail address are one address: the only place that says so."""

from __future__ import annotations

import unicodedata


def email_key(address: str) -> str:
    """What looks alike letter by letter is one address; an accent makes another one. Compared byte by byte, on every engine.

    Lower case, since everybody expects that; not `casefold`, not NFKC: both make one of what people see as two.
    """
    composed = unicodedata.normalize("NFC", address.strip())
    return unicodedata.normalize("NFC", composed.lower())
