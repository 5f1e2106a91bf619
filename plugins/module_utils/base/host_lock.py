"""One process at a time on this machine, also across checkouts and state folders: names of containers are the machine's."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.file_lock import exclusive

_FOLDER = Path("/run/lock")


def host_lock(name: str) -> AbstractContextManager[None]:
    return exclusive(_FOLDER / f"echobase-{name}.lock")
