# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say where traffic is to go; the twin of module_utils/module/traffic_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  to:
    description: The colour that gets all traffic.
    type: str
  weights:
    description: Per cent of the clients by colour, whole numbers that sum to 100.
    type: dict
  empty:
    description: No colour gets traffic; visitors see a friendly page. It ends maintenance, unless O(maintenance=true) says otherwise.
    type: bool
  maintenance:
    description:
      - With V(true) nobody is served and visitors see the maintenance page; the weights are kept. With V(false) traffic returns to them.
      - Left out, it stays as it is. So O(to) and O(weights) under maintenance change what traffic will return to, and the page stays up -
        a rollback needs no visitor to see the bad release again.
      - Together with O(to) or O(weights) both happen at once.
    type: bool
  purpose:
    description:
      - What the switch is for. A target of V(promote) or V(canary) needs all its containers up and to be ready with all it depends on.
      - A target of V(rollback) must only be alive itself, so that the way back does not close when, say, the database is away.
    type: str
    choices: [promote, canary, rollback]
    default: promote
  drain_seconds:
    description:
      - The longest to wait for the last answers of a colour that lost all its traffic, as its services count them. Where one does not
        count, it is the edge's connections to it that are waited for. V(0) does not wait.
      - What is unanswered then is told in RV(drained) and in a warning. It is no error, and nothing is cut off; traffic has moved already.
    type: float
    default: 10
  break_glass:
    description: A reason to switch although something speaks against it. It is returned with what was overridden, to be recorded.
    type: str
    default: ""
  fencing_number:
    description:
      - The number of the run's release lease. A number lower than one that the edge was told before is refused, since its run was replaced.
      - Left out, it is O(lease). Needed only where an edge is on another host than the lease.
    type: int
  repair:
    description: Go on although the routing table in force cannot be understood, and replace it.
    type: bool
    default: false
  health_timeout:
    description: Seconds that a colour may take to answer.
    type: float
    default: 5
  endpoints:
    description:
      - For unusual layouts, where the services of a colour listen that customers reach, by colour - each service's URL, with C(http) where
        it speaks plainly.
      - The containers of such a colour are not looked for on this machine. Where it was not deployed from this machine either, a path in
        the URL is what is asked; without one, the service has to take a connection.
    type: dict
    default: {}
"""
