# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who started this run, and how that user starts playbooks. Only Ansible's own process, on the controller, can see that."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812 - that is its name everywhere in Ansible

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import Caller, caller_of

# Who started a run, by the first of these that says it: AWX, by its name and by the one of the product before, then pipelines, then sudo.
_AWX_USERS = ("awx_user_name", "tower_user_name")
_USERS = ("GITLAB_USER_LOGIN", "GITHUB_ACTOR", "SUDO_USER")
_AWX_JOBS = ("awx_job_id", "tower_job_id")
# GitLab, GitHub and most others set it in every job.
_PIPELINE = "CI"
_TERMINALS = ("/dev/pts/", "/dev/tty")


def owner(variables: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> str:
    """Who is answerable for this run: the user of AWX or of the pipeline, and not the account that it works with."""
    told = os.environ if environment is None else environment
    named = [str(variables[name]) for name in _AWX_USERS if variables.get(name)] + [told[name] for name in _USERS if told.get(name)]
    return named[0] if named else getpass.getuser()


def is_watched(variables: Mapping[str, Any], environment: Mapping[str, str] | None = None, process: int | None = None) -> bool:
    """Whether what is shown goes to a person's terminal, and is kept by nobody. A task is a child of the process that shows it."""
    told = os.environ if environment is None else environment
    if told.get(_PIPELINE) or any(name in variables for name in _AWX_JOBS):
        return False
    try:
        shown_at = str(Path(f"/proc/{os.getppid() if process is None else process}/fd/1").readlink())
    except OSError:
        # It cannot be told, so nothing is shown that others may not see.
        return False
    return shown_at.startswith(_TERMINALS)


def this_caller(variables: Mapping[str, Any]) -> Caller:
    return caller_of(variables, C.DEFAULT_HOST_LIST, Path.cwd(), sys.argv[0])
