# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the user who started this run starts playbooks. Only Ansible's own process, on the controller, can see that."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812 - that is its name everywhere in Ansible

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import Caller, caller_of


def this_caller(variables: Mapping[str, Any]) -> Caller:
    return caller_of(variables, C.DEFAULT_HOST_LIST, Path.cwd(), sys.argv[0])
