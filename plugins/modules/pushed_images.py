#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module pushed_images: images of this machine at a registry of one's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pushed_images
short_description: Push images to a registry of your own
description:
  - Gives the digest under which the registry has each of them. What it has already is not pushed again.
options:
  images:
    description: The tags of images that this machine has.
    type: list
    elements: str
    required: true
  repository:
    description: Where they go, such as C(registry.example.com/shop). Each is called there as its tag is without what stands before it.
    type: str
    required: true
extends_documentation_fragment:
  - echobase.platform.own_registry
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be pushed.
  diff_mode:
    support: full
    description: Lists the images before and after.
  idempotent:
    support: full
    description: What the registry has already is not pushed again.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Images to the registry
  echobase.platform.pushed_images:
    images: "{{ images_result.tags.values() | list }}"
    repository: registry.example.com/shop
  register: pushed_images
"""

RETURN = r"""
references:
  description: The reference of each tag by its digest; in check mode only of those that the registry has.
  returned: success
  type: dict
pushed:
  description: The tags that were pushed; in check mode those that would be.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import listing
from ansible_collections.echobase.platform.plugins.module_utils.images.own_registry import REGISTRY_ARGUMENTS, registry_of
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    registry = registry_of(params, docker_client)
    tags = list(dict.fromkeys(params["images"]))
    references, pushed = registry.known_or_pushed(tags, params["repository"].rstrip("/"), push=not module.check_mode)
    return Outcome(
        changed=bool(pushed),
        before=listing(set(tags) - set(pushed)),
        after=listing(tags),
        facts={"references": references, "pushed": pushed},
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "repository": {"type": "str", "required": True},
            **REGISTRY_ARGUMENTS,
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
