# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option that says whom slow steps are told to; the twin of PROGRESS_ARGUMENTS in module_utils/base/progress.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  progress:
    description: File that slow steps are told to, for the callback C(echobase.platform.progress).
    type: str
    default: ""
"""
