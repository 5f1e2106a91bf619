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
  index:
    description:
      - The number that the environment's ports and subnets follow from, V(3) to V(9), each once on a host.
      - The environments V(devlocal), V(ci) and V(test) have their own.
    type: int
  ports:
    description:
      - Ports that are given outright instead. The keys are V(mariadb), V(postgres), V(redis), V(edge), V(operators), V(mariadb_replica),
        V(postgres_replica), and V(blue_offset) and V(green_offset), which say how far a colour's ports are off devlocal's blue.
      - Together with O(subnets) they make O(index) needless, if only the replicas' are left out.
    type: dict
  subnets:
    description: A block of 2048 addresses for all subnets of the environment, such as V(10.240.8.0/21), that is given outright instead.
    type: str
  public_names:
    description:
      - The names and addresses by which customers reach the host. They are in the edge's certificate, and the first one in links.
      - Without any it is V(localhost).
    type: list
    elements: str
    default: []
  lease:
    description:
      - The number that M(echobase.platform.release_lease) returned to this run.
      - The module does nothing when another run has taken the lease meanwhile, and renews it while it works.
        Left out, or V(0), it does not ask.
    type: int
"""
