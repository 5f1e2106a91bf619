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
  - A new authority may sign names of its own environment only. One that may not sign a name of a service is refused, never replaced.
    For another one of O(public_names) it gets a certificate for more names, with the same key, and what trusts it goes on to do so.
  - When RV(renewed) is not empty, whoever uses the certificates has to load them again.
  - Closes C(<home>/<environment>) to every account but its owner's (mode 0700), since a host account may have the user id of a container.
    The authority's certificate is therefore published beside it, readable by everybody, as C(<home>/<environment>-ca.crt).
options:
  own_certificate:
    description:
      - A certificate with its chain, as PEM, that somebody else signed for O(public_names). The edge then shows it to customers, and its
        own one only to what runs on the host.
      - It has to be for all of the names and valid, and it is left in C(<home>/<environment>/tls/edge/own.crt). The edge reads it with the
        next connection, so a renewed one needs nothing else.
    type: str
    default: ""
  own_key:
    description: The key that belongs to it.
    type: str
    default: ""
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

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.own_certificate import OwnCertificate
from ansible_collections.echobase.platform.plugins.module_utils.environment.closed_home import ClosedHome
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    env = environment_of(module.params)
    certificates = Certificates.of_environment(env)
    issued = certificates.present(module.check_mode)
    closed = ClosedHome(env, certificates.authority_pem).present(module.check_mode)
    shown = Outcome(changed=False)
    if module.params["own_certificate"]:
        own = OwnCertificate(module.params["own_certificate"], module.params["own_key"], env.public_names)
        shown = own.present(Path(env.path("tls", "edge")), module.check_mode)
    parts = (issued, closed, shown)
    return Outcome(
        changed=any(part.changed for part in parts),
        before="".join(part.before for part in parts),
        after="".join(part.after for part in parts),
        facts=issued.facts | closed.facts,
        warnings=shown.warnings,
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "own_certificate": {"type": "str", "default": ""},
            "own_key": {"type": "str", "default": "", "no_log": True},
        },
        required_together=[("own_certificate", "own_key")],
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
