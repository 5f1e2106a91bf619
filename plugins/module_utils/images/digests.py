"""The lock file beside the catalogue: which digest each official image has. What differs from it is not run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage

NAME = "digests.yml"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEAD = """\
---
# Written by tools/digests from what the registry answers. Delete a line to take whatever the registry has under that version.
"""


class DigestLock:
    """Digests by name and version as the catalogue has them: at somebody's own registry the same image has the same digest."""

    def __init__(self, file: Path, digests: Mapping[str, str] | None = None) -> None:
        """`digests` are what somebody read in the file, where that is on another machine."""
        self.file = file
        self._digests = self._read() if digests is None else dict(digests)

    @classmethod
    def beside(cls, catalogue: Path) -> DigestLock:
        return cls(catalogue.with_name(NAME))

    @property
    def digests(self) -> Mapping[str, str]:
        return self._digests

    def digest(self, official: OfficialImage) -> str:
        return self._digests.get(official.tag, "")

    def write(self, digests: dict[OfficialImage, str]) -> bool:
        wanted = {official.tag: digest for official, digest in digests.items()}
        if wanted == self._digests:
            return False
        lines = "".join(f"{tag}: {digest}\n" for tag, digest in sorted(wanted.items()))
        write_durably(self.file, _HEAD + lines, mode=0o644)
        self._digests = wanted
        return True

    def _read(self) -> dict[str, str]:
        import yaml  # noqa: PLC0415 - only needed here, and absent on a bare managed host

        try:
            content = yaml.safe_load(self.file.read_text(encoding="utf-8")) or {}
        except FileNotFoundError:
            return {}
        except yaml.YAMLError as error:
            raise Refusal(f"{self.file} is no YAML: {error}", "restore it from version control, or run make digests") from error
        wrong = [str(tag) for tag, digest in content.items() if not _DIGEST.fullmatch(str(digest))]
        if wrong:
            raise Refusal(f"{self.file} has no digest of {', '.join(wrong)}", "restore it from version control, or run make digests")
        return {str(tag): str(digest) for tag, digest in content.items()}
