# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say what an environment's database server is; the twin of module_utils/module/server_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  image:
    description: The image of the server. When empty, the one that was used last.
    type: str
    default: ""
  memory:
    description: The most memory that the container may use, as Docker writes sizes.
    type: str
    default: 1g
  connections:
    description: How many connections there may be.
    type: int
    default: 200
  encryption_at_rest:
    description: Whether everything the server writes has to be encrypted on its disk. V(required) is refused where that cannot be done.
    type: str
    choices: [required, "off"]
    default: required
  encrypted_size:
    description:
      - How large the encrypted volume is, where the engine does not encrypt by itself and its volume has to be. The space is taken at once.
      - It can be made larger at any time, and never smaller.
    type: str
    default: 4g
  settings:
    description:
      - Settings of the server that shall be other than the collection's own, by name, as the engine's configuration file has them.
      - What keeps data safe cannot be set here.
    type: dict
    default: {}
"""
