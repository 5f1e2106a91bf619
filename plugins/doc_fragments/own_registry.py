# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that open a registry of one's own; the twin of REGISTRY_ARGUMENTS in module_utils/images/own_registry.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  user:
    description: Who logs in at the registry. Empty means nobody does.
    type: str
    default: ""
  password:
    description: The password of O(user). It is used for each request and kept nowhere.
    type: str
    default: ""
  authority:
    description:
      - The certificate, as text, of the authority that vouches for the registry. From then on the engine finds it in
        C(/etc/docker/certs.d).
      - Empty leaves it to what the engine trusts already.
    type: str
    default: ""
"""
