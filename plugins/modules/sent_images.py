#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module sent_images: images of the controller's engine on this host's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sent_images
short_description: Images of the controller's engine, sent to a host that builds nothing
description:
  - What the host has of their layers is not sent. A checksum is verified before the engine loads them, and afterwards each image has to be
    the very one that the controller has.
  - An image that the host has under that tag and with that content is left alone; another one with the same tag is replaced.
options:
  images:
    description: The tags of images that the controller's engine has.
    type: list
    elements: str
    required: true
  identities:
    description: What the controller's engine knows each of them by, which the action of this module fills in.
    type: dict
    default: {}
  archive:
    description: What the controller sent of them. Without it the module says what it lacks.
    type: path
  checksum:
    description: The SHA-256 of O(archive).
    type: str
    default: ""
  home:
    description: Folder of the lock that keeps two runs from loading the same image at once.
    type: path
    default: /var/lib/echobase
extends_documentation_fragment:
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be sent.
  diff_mode:
    support: full
    description: Lists the images before and after.
  idempotent:
    support: full
    description: An image that is here already is not sent again.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: What was built on the controller
  echobase.platform.sent_images:
    images: "{{ images_result.tags.values() | list }}"
"""

RETURN = r"""
sent:
  description: The tags that were sent; in check mode those that would be.
  returned: success
  type: list
  elements: str
layers:
  description: The layers of each image of this host, from the lowest.
  returned: when something is missing and was not sent yet
  type: list
  elements: list
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import images_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import PATIENCE_SECONDS, listing
from ansible_collections.echobase.platform.plugins.module_utils.images.saved_images import checksum, layers_of
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    images = params["identities"]
    client = docker_client(PATIENCE_SECONDS)
    there = client.api.images()
    known = {tag: image["Id"] for image in there for tag in image["RepoTags"] or ()}
    missing = [tag for tag, identity in images.items() if known.get(tag) != identity]
    facts = {"sent": missing}
    if missing and not module.check_mode:
        if not params["archive"]:
            layers = layers_of(client.api.inspect_image(image["Id"]) for image in there)
            return Outcome(changed=False, facts={**facts, "layers": layers})
        progress = Progress(params["progress"])
        with images_lock(Path(params["home"]) / ".images.lock", lambda: progress.say("waiting for another run that is building images")):
            _load(module, {tag: images[tag] for tag in missing})
    return Outcome(changed=bool(missing), before=listing(set(images) - set(missing)), after=listing(images), facts=facts)


def _load(module: AnsibleModule, images: dict[str, str]) -> None:
    from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - see docker_client

    client = docker_client(PATIENCE_SECONDS)
    with Path(module.params["archive"]).open("rb") as stream:
        if checksum(stream) != module.params["checksum"]:
            raise Refusal("the images arrived otherwise than they were sent", "run again; if it recurs, test the memory of both machines")
        stream.seek(0)
        try:
            for event in client.api.load_image(stream) or ():
                if "error" in event:
                    raise Refusal(f"the engine does not take the images: {event['error']}", "see that its disk has room, and run again")
        except APIError as error:
            raise Refusal(
                f"the engine does not take the images: {error.explanation}", "see that its disk has room, and run again"
            ) from error
    for tag, identity in images.items():
        try:
            found = client.api.inspect_image(tag)["Id"]
        except ImageNotFound:
            found = "nothing"
        if found != identity:
            raise Refusal(
                f"{tag} is {found} on this host and {identity} where it was built",
                "let this host's engine build images itself (images_delivery: host), or use a registry: it keeps images in another way",
            )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "identities": {"type": "dict", "default": {}},
            "archive": {"type": "path"},
            "checksum": {"type": "str", "default": ""},
            "home": {"type": "path", "default": DEFAULT_HOME},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module), asks_lease=False)


if __name__ == "__main__":
    main()
