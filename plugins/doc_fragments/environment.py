# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that name an environment; the twin of module_utils/module/environment_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  environment:
    description: The environment. Its names, ports and addresses follow from it.
    type: str
    required: true
  home:
    description:
      - The folder above the environments' state folders.
      - The state of environment V(devlocal) is in the folder C(devlocal) below it.
    type: path
    default: /var/lib/echobase
  network_prefix:
    description:
      - First two octets of the subnets of all environments.
      - Change it where they overlap with a network that the host already reaches.
    type: str
    default: "10.231"
  lease:
    description:
      - The number that M(echobase.platform.release_lease) returned to this run.
      - The module does nothing when another run has taken the lease meanwhile, and renews it while it works.
        Left out, or V(0), it does not ask.
    type: int
"""
