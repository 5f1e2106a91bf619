# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of all modules of this collection: a command that an answer tells the user becomes the one that works where the user is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812 - that is its name everywhere in Ansible
from ansible.plugins.action.normal import ActionModule as NormalActionModule

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import caller_of


class ActionModule(NormalActionModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        return told(super().run(tmp, task_vars), task_vars or {})


def told(answer: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    return dict(caller_of(task_vars, C.DEFAULT_HOST_LIST, Path.cwd(), sys.argv[0]).told_all(answer))
