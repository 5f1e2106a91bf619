#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module certificates: an environment's authority and what it signs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: An environment's certificate authority and the certificates of its services
description:
  - Keeps an authority in C(<home>/<environment>/tls), and below it one folder with C(tls.crt) (with the chain) and C(tls.key)
    for the edge, the operators' desk, the database and each colour, owned by the user that reads it.
  - A certificate is issued anew when it is missing or unreadable, when it expires within 30 days, when its names or the authority
    changed, or when its key does not belong to it. Otherwise only owner and mode are mended.
  - A new authority may sign names of its own environment only. One that may not sign a name which is wanted is refused, never replaced.
  - When RV(renewed) is not empty, whoever uses the certificates has to load them again.
  - Closes C(<home>/<environment>) to every account but its owner's (mode 0700), since a host account may have the user id of a container.
    The authority's certificate is therefore published beside it, readable by everybody, as C(<home>/<environment>-ca.crt).
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Says what would be issued, and whether the folder would be closed.
  diff_mode:
    support: full
    description: Shows each certificate that would change, and why.
  idempotent:
    support: full
    description: A good certificate is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Keep the certificates of devlocal
  echobase.platform.certificates:
    environment: devlocal
  register: certificates
"""

RETURN = r"""
ca_file:
  description: The authority's certificate, for clients.
  returned: success
  type: str
  sample: /var/lib/echobase/devlocal/tls/ca.crt
public_ca_file:
  description: The same certificate where every account of this machine can read it.
  returned: success
  type: str
  sample: /var/lib/echobase/devlocal-ca.crt
renewed:
  description: What changed, and why.
  returned: success
  type: dict
  sample: {db: expires in 12 days}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.environment.closed_home import ClosedHome
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    env = environment_of(module.params)
    certificates = Certificates.of_environment(env)
    issued = certificates.present(module.check_mode)
    closed = ClosedHome(env, certificates.authority_pem).present(module.check_mode)
    return Outcome(
        changed=issued.changed or closed.changed,
        before=issued.before + closed.before,
        after=issued.after + closed.after,
        facts=issued.facts | closed.facts,
    )


def main() -> None:
    module = AnsibleModule(argument_spec=ENVIRONMENT_ARGUMENTS, supports_check_mode=True)
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
