#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module application_block: a first block x-echobase for a Compose file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application_block
short_description: Write a first block x-echobase into a Compose file
description:
  - Reads a Compose file that has no block C(x-echobase), and appends one with what Compose says of its services, ports, databases, secrets
    and volumes, and with comments on what else can be said.
  - What cannot be known from the file is in RV(open).
options:
  file:
    description: The Compose file.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Nothing is written.
  diff_mode:
    support: full
    description: Shows the block.
  idempotent:
    support: full
    description: A file that has a block is left alone.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Write a first block
  echobase.platform.application_block:
    file: /srv/shop/compose.yml
"""

RETURN = r"""
open:
  description: What nobody could know from the file, a line each.
  returned: success
  type: list
  elements: str
block:
  description: The block that was written, or would be in check mode.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.first_block import first_block
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK
from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def operate(module: AnsibleModule) -> Outcome:
    file = Path(module.params["file"])
    project = compose_answer(str(file), {})
    if BLOCK in project:
        return Outcome(changed=False, facts={"open": [], "block": ""})
    block = first_block(project)
    before = file.read_text(encoding="utf-8")
    after = f"{before.rstrip()}\n\n{block.text}"
    if not module.check_mode:
        write_durably(file, after, mode=file.stat().st_mode & 0o777)
    return Outcome(changed=True, before=before, after=after, facts={"open": block.open, "block": block.text})


def main() -> None:
    module = AnsibleModule(argument_spec={"file": {"type": "path", "required": True}}, supports_check_mode=True)
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
