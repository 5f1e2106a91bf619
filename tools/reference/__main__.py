"""Writes the pages that are made from the collection itself: roles' READMEs and the reference. `make docs` runs it."""

from __future__ import annotations

from reference.pages import CHECKOUT, pages

for path, text in pages().items():
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"written: {path.relative_to(CHECKOUT)}")
