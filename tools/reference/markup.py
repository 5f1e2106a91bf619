"""Ansible's markup in descriptions, as Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_PAGE = re.compile(r"`?(?<![\w/])(docs/[\w/-]+\.md)`?")
_CODE = re.compile(r"\b(?:C|V|O|M|RV|E|I|B)\(((?:[^()]|\([^()]*\))*)\)")


def markdown(text: str, folder: str) -> str:
    """C(…) and its like become code, and the path of a page a link from a page in that folder."""
    return _PAGE.sub(lambda found: _link(found[1], folder), _CODE.sub(r"`\1`", text))


def paragraphs(description: str | Sequence[str], folder: str) -> list[str]:
    texts = [description] if isinstance(description, str) else description
    return [markdown(text, folder) for text in texts]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _link(page: str, folder: str) -> str:
    name = PurePosixPath(page).stem.replace("-", " ")
    return f"[{name}]({os.path.relpath(page, folder)})"
