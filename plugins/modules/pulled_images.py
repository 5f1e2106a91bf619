#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module pulled_images: images of a lock file, pulled from a registry of one's own by their digests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pulled_images
short_description: Pull images from a registry of your own by their digests
description:
  - C(playbooks/images.yml) builds images, pushes them, and writes their digests into a lock file. A host that serves only pulls them, so it
    needs no compiler and no package source.
  - An image keeps the tag that it has where it was built. What has that tag and another digest is replaced.
  - What has arrived of an image stays when the registry goes away half-way; the next run goes on from there.
options:
  lock:
    description: The lock file, a path on the controller.
    type: path
    required: true
  names:
    description: The images of the catalogue that are wanted.
    type: list
    elements: str
    default: []
  application:
    description: Whether the images of the application are wanted, too.
    type: bool
    default: false
  catalogue:
    description: The catalogue, a path on the controller, by which it is known whether the images were built from what this collection has.
    type: path
    required: true
  images:
    description: The reference of each tag, which the action of this module fills in from O(lock).
    type: dict
    default: {}
  home:
    description: Folder of the lock that keeps two runs from pulling the same image at once.
    type: path
    default: /var/lib/echobase
extends_documentation_fragment:
  - echobase.platform.own_registry
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be pulled.
  diff_mode:
    support: full
    description: Lists the images before and after.
  idempotent:
    support: full
    description: An image that is here by its digest is not asked for.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: The images of the release that the lock file names
  echobase.platform.pulled_images:
    lock: "{{ inventory_dir }}/images.lock.txt"
    catalogue: "{{ role_path }}/../../images/catalogue.yml"
    names: [mariadb, nginx, backend]
    application: true
  register: pulled_images
"""

RETURN = r"""
tags:
  description: How each image of the catalogue is called.
  returned: success
  type: dict
  sample: {nginx: "echobase/nginx:0123456789ab"}
digests:
  description: The digest of each of them.
  returned: success
  type: dict
absent:
  description: Images that the lock file does not have, each with the reason.
  returned: success
  type: dict
application:
  description: The reference of each image of the application, by its tag.
  returned: success
  type: dict
pulled:
  description: The tags that were pulled; in check mode those that would be.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import images_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import listing
from ansible_collections.echobase.platform.plugins.module_utils.images.own_registry import REGISTRY_ARGUMENTS, registry_of
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    images = params["images"]
    registry = registry_of(params, docker_client)
    missing = registry.missing(images)
    if missing and not module.check_mode:
        progress = Progress(params["progress"])
        with images_lock(Path(params["home"]) / ".images.lock", lambda: progress.say("waiting for another run that is building images")):
            registry.pull({tag: images[tag] for tag in registry.missing(images)})
    return Outcome(
        changed=bool(missing),
        before=listing(set(images) - set(missing)),
        after=listing(images),
        facts={"pulled": missing},
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lock": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
            "application": {"type": "bool", "default": False},
            "catalogue": {"type": "path", "required": True},
            "images": {"type": "dict", "default": {}},
            "home": {"type": "path", "default": DEFAULT_HOME},
            **REGISTRY_ARGUMENTS,
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
