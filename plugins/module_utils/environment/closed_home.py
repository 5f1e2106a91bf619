"""The folder of an environment's state is for its owner alone.

A host account may have the user id that a container runs with, and then it owns that container's files. The engine mounts folders
for containers without asking who may pass, so a closed folder above them shuts host accounts out and nobody else.
What every client may read, the authority's certificate, lies beside the folder.
"""

from __future__ import annotations

import stat
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_CLOSED, _PUBLIC = 0o700, 0o644


class ClosedHome:
    """`authority` is the certificate that clients are to trust; None where one is about to be issued."""

    def __init__(self, env: Environment, authority: bytes | None) -> None:
        self._folder = Path(env.home)
        self._published = Path(env.public_authority_file)
        self._authority = authority

    def present(self, check: bool) -> Outcome:
        open_to_others = not self._is_closed()
        outdated = not self._is_published()
        if open_to_others and not check:
            self._folder.chmod(_CLOSED)
        if outdated and not check and self._authority is not None:
            write_durably(self._published, self._authority, mode=_PUBLIC)
        reasons = {self._folder: "other accounts can enter it"} if open_to_others else {}
        reasons |= {self._published: "not the authority's certificate, or not readable by everybody"} if outdated else {}
        return Outcome(
            changed=bool(reasons),
            before="".join(f"{path}: {reason}\n" for path, reason in reasons.items()),
            after="".join(f"{path}: as wanted\n" for path in reasons),
            facts={"public_ca_file": str(self._published)},
        )

    def _is_closed(self) -> bool:
        return self._folder.exists() and stat.S_IMODE(self._folder.stat().st_mode) == _CLOSED

    def _is_published(self) -> bool:
        if self._authority is None or not self._published.exists():
            return False
        return stat.S_IMODE(self._published.stat().st_mode) == _PUBLIC and self._published.read_bytes() == self._authority
