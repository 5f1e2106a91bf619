#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module watch_end: wait until nobody watches the working tree any more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: watch_end
short_description: Wait until nobody watches the working tree any more
description:
  - Whoever watches has a file locked. The end is the end of that lock, so that it is noticed even where the program that held it was
    killed.
  - It fails where a rollback took the environment's lease meanwhile.
options:
  session:
    description: The file that is locked for as long as somebody watches. When nobody does, it is removed.
    type: path
    required: true
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: In check mode it does not wait.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: Nothing of the environment is ever changed.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Show the working tree until somebody has seen enough
  echobase.platform.watch_end:
    environment: devlocal
    lease: "{{ release_lease.number }}"
    session: /tmp/echobase-watch-1a2b3c
"""

RETURN = r""" # """

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.colours.watch_session import WatchSession
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of

_SECONDS_BETWEEN_LOOKS = 0.2


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    lease = ReleaseLease(environment_of(params))
    session = WatchSession(params["session"])
    while session.is_open and not module.check_mode:
        if params["lease"]:
            lease.confirm(params["lease"])
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if not module.check_mode:
        session.forget()
    return Outcome(changed=False)


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENVIRONMENT_ARGUMENTS, "session": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
