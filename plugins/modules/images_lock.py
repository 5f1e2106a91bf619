#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module images_lock: the lock file with the digests that a registry gave to the images of a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: images_lock
short_description: Write the lock file of images that were pushed to a registry of your own
description:
  - The file says of each image of the catalogue, and of each that a service of the application runs, by which digest it is to be had.
  - M(echobase.platform.pulled_images) reads it.
options:
  file:
    description: The lock file.
    type: path
    required: true
  catalogue:
    description: The catalogue, by which it is known what the images were built from.
    type: path
    required: true
  tags:
    description: The tags of the catalogue's images, as M(echobase.platform.images) returns them.
    type: dict
    required: true
  services:
    description: The image of each service, as M(echobase.platform.application_images) returns them.
    type: dict
    default: {}
  definition:
    description: The application, as M(echobase.platform.application) returns it.
    type: dict
    default: {}
  references:
    description: The reference of each tag by its digest, as M(echobase.platform.pushed_images) returns them.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Says whether the file would change.
  diff_mode:
    support: full
    description: Shows the file before and after.
  idempotent:
    support: full
    description: The same images make the same file.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Write the digests of what was pushed
  echobase.platform.images_lock:
    file: "{{ inventory_dir }}/images.lock.txt"
    catalogue: images/catalogue.yml
    tags: "{{ images_result.tags }}"
    references: "{{ pushed_images.references }}"
  delegate_to: localhost
"""

RETURN = r"""
file:
  description: The lock file.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.lock import locked
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    file = Path(params["file"])
    contents = ImageCatalogue.load(Path(params["catalogue"]), base_recipe="").tags(params["tags"])
    text = locked(params["tags"], contents, params["references"], params["services"], params["definition"].get("services") or {})
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    if text != before and not module.check_mode:
        write_durably(file, text, mode=0o644)
    return Outcome(changed=text != before, before=before, after=text, facts={"file": str(file)})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "file": {"type": "path", "required": True},
            "catalogue": {"type": "path", "required": True},
            "tags": {"type": "dict", "required": True},
            "services": {"type": "dict", "default": {}},
            "definition": {"type": "dict", "default": {}},
            "references": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
