# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the controller that a module needs on its host: sent for one task, gone with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import told_size
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress


def is_the_controller(action: Any) -> bool:
    """Whether a module reads the very files that the controller reads."""
    return bool(action._connection.transport == "local")


def sent(action: Any, name: str, what: str, write: Callable[[IO[bytes]], None]) -> str:
    """Sends what `write` writes to the host; gives the path there. Ansible removes it with the task's own files."""
    with tempfile.TemporaryDirectory(prefix="echobase-sent-") as folder:
        file = Path(folder) / name
        with file.open("wb") as stream:
            write(stream)
        Progress(os.environ.get("ECHOBASE_PROGRESS", "")).say(f"sending {what} ({told_size(file.stat().st_size)})")
        shell = action._connection._shell
        if not shell.tmpdir:
            action._make_tmp_path()
        target = shell.join_path(shell.tmpdir, name)
        action._transfer_file(str(file), target)
        action._fixup_perms2((shell.tmpdir, target), execute=False)
    return str(target)
