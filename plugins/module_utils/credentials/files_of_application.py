"""Secrets that the user of an application has in files of his own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def read_files(files: Mapping[str, str]) -> dict[str, str]:
    """The content by the secret's name."""
    found = {}
    for name, path in files.items():
        try:
            content = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Refusal(f"secrets.{name}: {path} cannot be read: {reason}", "correct the file, or its path") from error
        if not content:
            raise Refusal(f"secrets.{name}: {path} is empty", "write the secret into it")
        found[name] = content
    return found
