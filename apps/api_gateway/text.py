"""Text that a client sent: it can be stored, hashed and sealed."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

# JSON can name halves of characters, which nothing can encode, and NUL, which PostgreSQL and bcrypt do not take.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def _is_text(value: object) -> object:
    if isinstance(value, str) and _NO_TEXT.search(value):
        raise ValueError("It contains a character that cannot be part of a text.")
    return value


Text = Annotated[str, BeforeValidator(_is_text)]
