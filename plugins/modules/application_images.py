#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module application_images: the images of an application's services, built or pulled."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application_images
short_description: Build or pull the images of an application's services
description:
  - A service with a C(build:) section gets an image that is known by a hash over what goes into it; Compose builds it if it is not there.
  - The image of another service is pulled if it is not there, and is from then on known by its digest.
  - An image C(echobase/<name>) without a version is one of this collection's catalogue; so is one that is named in C(build.args).
options:
  definition:
    description: The application, as M(echobase.platform.application) returns it.
    type: dict
    required: true
  tags:
    description: The tags of the catalogue's images, as M(echobase.platform.images) returns them.
    type: dict
    default: {}
  addresses:
    description:
      - A hash over everything that goes into the build of each service, from the controller, which the action of this module fills in. Left
        out, the folders that are built from are on this machine.
    type: dict
  pulled:
    description:
      - The images of the application that came from a registry of your own. This machine then builds and pulls nothing, and an image that
        is not among them is refused.
    type: list
    elements: str
  archive:
    description: The files of the builds that this machine asked for. Without it there are none yet.
    type: path
extends_documentation_fragment:
  - echobase.platform.environment
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be built or pulled.
  diff_mode:
    support: full
    description: Lists the images before and after.
  idempotent:
    support: full
    description: An image with the same content is never built twice.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Have the images of the application
  echobase.platform.application_images:
    environment: devlocal
    definition: "{{ application_result.definition }}"
    tags: "{{ images_result.tags }}"
  register: application_images_result
"""

RETURN = r"""
wants:
  description: The services whose files this host lacks to build them; the controller sends them, and the module runs again.
  returned: when something has to be built from what was not sent
  type: list
  elements: str
images:
  description: The image of each service.
  returned: success
  type: dict
release:
  description: The identity of the release, which follows from its images and its definition.
  returned: success
  type: str
version:
  description: The version that people know it by.
  returned: success
  type: str
built:
  description: The images that were built; in check mode those that would be.
  returned: success
  type: list
  elements: str
pulled:
  description: The images that were pulled; in check mode those that would be.
  returned: success
  type: list
  elements: str
"""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.images.application_images import ApplicationImages, release_name
from ansible_collections.echobase.platform.plugins.module_utils.images.build_folders import BuildFolders, OwnFolders, SentFolders
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import PATIENCE_SECONDS, listing
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import ContextsNeeded
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    definition = Definition.of(params["definition"])
    lock = Path(params["home"]) / ".images.lock"
    with _folders(module) as folders:
        images = ApplicationImages(
            docker_client(PATIENCE_SECONDS),
            definition,
            params["tags"],
            progress=Progress(params["progress"]),
            lock=lock,
            folders=folders,
        )
        plan = images.plan()
        if params["pulled"] is not None:
            plan = plan.of_pulled(params["pulled"])
        try:
            found = plan.images if module.check_mode else images.provide(plan)
        except ContextsNeeded as needed:
            return Outcome(changed=False, facts={"wants": needed.names})
    changed = [*plan.to_build, *plan.to_pull]
    return Outcome(
        changed=bool(changed),
        before=listing(set(plan.images.values()) - set(changed)),
        after=listing(set(plan.images.values())),
        facts={
            "images": found,
            "release": release_name(definition, found),
            "version": definition.version,
            "built": list(plan.to_build),
            "pulled": plan.to_pull,
        },
    )


@contextmanager
def _folders(module: AnsibleModule) -> Iterator[BuildFolders]:
    addresses, archive = module.params["addresses"], module.params["archive"]
    if addresses is None:
        yield OwnFolders()
    elif archive is None:
        yield SentFolders(addresses, None)
    else:
        with tempfile.TemporaryDirectory(dir=module.tmpdir) as place, tarfile.open(archive) as sent:
            # Python 3.11.2, which Debian 12 has, knows no filter; what is unpacked is the controller's.
            sent.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            yield SentFolders(addresses, Path(place))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "definition": {"type": "dict", "required": True},
            "tags": {"type": "dict", "default": {}},
            "addresses": {"type": "dict"},
            "pulled": {"type": "list", "elements": "str"},
            "archive": {"type": "path"},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
