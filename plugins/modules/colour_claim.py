#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module colour_claim: keep traffic away from a colour whose containers are about to be replaced or removed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: colour_claim
short_description: Keep traffic away from a colour while its containers are replaced or removed
description:
  - Refuses when the colour has traffic, or is about to get some. The question and the claim are one step under the routing table's lock,
    so no switch can come between.
  - From then on no other run can send traffic to the colour. The claim ends when this run gives its release lease back.
    Where the run fails or is killed, the claim stays until the colour is deployed or removed again, since what it served before is gone.
  - Without O(lease) it only asks; nothing is claimed.
options:
  colour:
    description: The colour.
    type: str
    choices: [blue, green]
    required: true
  purpose:
    description: What happens to its containers.
    type: str
    choices: [replaced, removed]
    required: true
  release:
    description: The release that the colour gets, or the one that is removed.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: In check mode it only asks.
  diff_mode:
    support: none
    description: There is nothing to show.
notes:
  - It never reports a change, since nothing of the claim is left at the end of a run.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: See to it that green has no traffic and gets none
  echobase.platform.colour_claim:
    environment: devlocal
    lease: "{{ release_lease.number }}"
    colour: green
    purpose: replaced
    release: 0.1.0-1a2b3c4d
"""

RETURN = r""" # """

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, REPLACED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    env = environment_of(params)
    claims = ColourClaims(env)
    if not params["lease"] or module.check_mode:
        claims.refuse_traffic(params["colour"], NginxRoutes(env.path("routes")))
        return Outcome(changed=False)
    lease = ReleaseLease(env).read()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    by = f"{lease.operation} of {lease.owner}@{lease.process.host}"
    claims.make(Claim(params["colour"], params["purpose"], params["release"], params["lease"], now, by))
    return Outcome(changed=False)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "colour": {"type": "str", "choices": ["blue", "green"], "required": True},
            "purpose": {"type": "str", "choices": [REPLACED, REMOVED], "required": True},
            "release": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
