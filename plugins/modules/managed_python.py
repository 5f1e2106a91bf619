#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module managed_python: the Python that modules run with on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_python
short_description: A Python on the host with the packages that modules import
description:
  - Makes a virtual environment with pinned packages, each checked against its hash. Where the distribution's own packages are all new
    enough, the environment only lends them, and nothing is downloaded.
  - It runs with the host's own Python, since the one that it makes may not be there yet. A host that has none gets Python from its
    distribution first.
  - Another set of packages, or another Python of the distribution, is another environment. It is made beside the old one and takes over
    when it is complete; modules that still run keep the old one until the next time.
options:
  path:
    description: Where the environment is; a link to a folder beside it. Its interpreter is C(bin/python) below it.
    type: path
    default: /opt/echobase/python
  base:
    description: The host's own Python that it is made from, 3.11 or newer.
    type: path
    default: /usr/bin/python3
  locked:
    description: The packages with versions and hashes, as pip reads them.
    type: str
    required: true
  wanted:
    description: What these were resolved from, each with the lowest version that will do.
    type: str
    required: true
  packages:
    description: Whether the distribution's packages may be used where all of them will do (V(auto)), or never (V(pinned)).
    type: str
    choices: [auto, pinned]
    default: auto
  wheels:
    description:
      - A folder with wheels on the controller. Packages then come from it alone, and the host needs no package index.
      - Without it pip works as the host configures it, such as in C(/etc/pip.conf).
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: Says whether an environment would be made.
  diff_mode:
    support: full
    description: Shows which environment counts, before and after.
  idempotent:
    support: full
    description: An environment with these packages is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have the Python that modules run with
  echobase.platform.managed_python:
    locked: "{{ lookup('ansible.builtin.file', 'requirements.txt') }}"
    wanted: "{{ lookup('ansible.builtin.file', 'requirements.in') }}"
"""

RETURN = r"""
interpreter:
  description: What C(ansible_python_interpreter) has to be.
  returned: success
  type: str
  sample: /opt/echobase/python/bin/python
packages:
  description: Where its packages come from, V(pinned packages) or V(the distribution's packages).
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import python_lock
from ansible_collections.echobase.platform.plugins.module_utils.host.managed_python import ManagedPython
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run

OPTIONS = {
    "path": {"type": "path", "default": "/opt/echobase/python"},
    "base": {"type": "path", "default": "/usr/bin/python3"},
    "locked": {"type": "str", "required": True},
    "wanted": {"type": "str", "required": True},
    "packages": {"type": "str", "choices": ["auto", "pinned"], "default": "auto"},
    # The action plugin has sent them, and names the folder on the host.
    "wheels": {"type": "path", "default": ""},
}


def operate(module: AnsibleModule) -> Outcome:
    wanted = module.params
    python = ManagedPython(
        Path(wanted["path"]), wanted["locked"], wanted["wanted"], wanted["packages"], wanted["wheels"], python=wanted["base"]
    )
    if module.check_mode or python.is_there:
        return python.present(module.check_mode)
    with python_lock():
        return python.present(check=False)


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
