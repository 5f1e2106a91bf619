#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module images: pull or build what is missing, known by content."""

from __future__ import annotations

DOCUMENTATION = r"""
module: images
short_description: Container images, each known by a hash over what goes into it
description:
  - Builds the named images and the parents they need, unless an image with the same content is there already.
  - The tag of an image is C(echobase/<name>:<hash>) over its Dockerfile, its files, its parents' tags and the way it is built.
    So nothing is rebuilt when nothing changed, and a changed file changes every image above it.
  - A parent is built only when something that is missing needs it.
  - Security updates of the distribution change no tag. O(refresh) does.
  - Some images have makers who publish them. O(source) says whether those are pulled or built; both take the same mounts, command and
    ports.
  - A program that no distribution has is compiled from committed sources and versions, once a machine, in a throw-away container.
options:
  names:
    description:
      - Names in the catalogue. Empty means all of them, but with O(state=present) not those that are built on demand only, such as older
        majors of a database.
    type: list
    elements: str
    default: []
  catalogue:
    description:
      - The catalogue, a path on the controller. The folder above its own is what the build contexts in it are relative to.
      - To another machine the controller sends the catalogue, and the build contexts of what has to be built there.
    type: path
    default: images/catalogue.yml
  sent:
    description: What the controller sent, which the action of this module fills in. A host that reads O(catalogue) itself needs none.
    type: dict
    suboptions:
      images:
        description: The images of the catalogue.
        type: dict
        required: true
      identities:
        description: A hash over the files of each build context.
        type: dict
        required: true
      digests:
        description: The digests of the lock file beside the catalogue.
        type: dict
        required: true
      archive:
        description: The files of the build contexts that this host asked for. Without it there are none yet.
        type: path
  state:
    description:
      - V(present) builds what is missing.
      - V(absent) removes every version of the images that no container uses, and the unnamed layers made on the way to them. Compiled
        programs stay in O(programs).
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Where images come from that their makers publish.
      - V(auto) pulls them if the registry answers within three seconds, else builds those that can be built. It takes what is there
        already, whichever way it came, and asks no registry then. That a registry did not answer is remembered for a day.
      - V(pull) takes no other, and fails where one cannot be had.
      - V(build) asks no registry.
      - Images without a maker's are always built.
    type: str
    choices: [auto, pull, build]
    default: auto
  registry:
    description: A registry of your own, with the makers' images under their usual paths. Empty means the one that the catalogue names.
    type: str
    default: ""
  programs:
    description:
      - Folder of the compiled programs, each known by a hash over what it was compiled from. It may be deleted at any time.
      - Left out, it is C(/var/cache/echobase/programs), or C(~/.cache/echobase/programs) of whoever is not root.
    type: path
  home:
    description: Folder of the lock that keeps two runs from building the same image twice, and above that of O(environment).
    type: path
    default: /var/lib/echobase
  environment:
    description: The environment that the images are for, which remembers its O(refresh). Empty remembers and asks for nothing.
    type: str
    default: ""
  network_prefix:
    description: First two octets of the subnets of all environments. Images do not depend on it.
    type: str
    default: "10.231"
  index:
    description: The index of O(environment). Images do not depend on it.
    type: int
  ports:
    description: Ports of O(environment) that are given outright. Images do not depend on them.
    type: dict
  subnets:
    description: The block of subnets of O(environment), if it is given outright. Images do not depend on it.
    type: str
  public_names:
    description: The names and addresses by which customers reach the host. Images do not depend on them.
    type: list
    elements: str
    default: []
  lease:
    description:
      - The number that M(echobase.platform.release_lease) returned to this run for O(environment).
      - The module does nothing when another run has taken the lease meanwhile, and renews it while it builds, which can take minutes.
        Left out, or V(0), it does not ask.
    type: int
  refresh:
    description:
      - A day, or a moment, such as V(2026-11-27) or V(2026-11-27T15:00). It becomes part of every tag, so that all images are built anew,
        with the distribution's packages of that time. Once they are there the environment remembers it.
      - Empty means the one that O(environment) remembers. V(none) forgets it, and goes back to the tags that no refresh has part in.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.progress
attributes:
  check_mode:
    support: full
    description: Says what would be built or removed.
  diff_mode:
    support: full
    description: Lists the tags before and after.
  idempotent:
    support: full
    description: An image with the same content is never built twice.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Build what a colour runs
  echobase.platform.images:
    names: [mariadb, nginx]
    progress: "{{ lookup('ansible.builtin.env', 'ECHOBASE_PROGRESS') }}"
  register: images_result
"""

RETURN = r"""
tags:
  description: How each named image is called; a pulled one by its digest. Those in RV(absent) are left out.
  returned: when O(state=present)
  type: dict
  sample: {nginx: "echobase/nginx:0123456789ab"}
digests:
  description: The digest of each image that is its makers'.
  returned: when O(state=present)
  type: dict
pulled:
  description: The images that were pulled; in check mode those that would be.
  returned: when O(state=present)
  type: list
  elements: str
absent:
  description: Images that are only ever pulled and cannot be had, each with the reason.
  returned: when O(state=present)
  type: dict
  sample: {grafana: "docker.io does not answer (no answer in time)"}
silent:
  description: A line for each registry that was asked just now and did not answer, with what was done instead.
  returned: when O(state=present)
  type: list
  elements: str
built:
  description: The images that were built, parents first; in check mode those that would be.
  returned: when O(state=present)
  type: list
  elements: str
refresh:
  description: The day as of which the packages are, if one was given or remembered.
  returned: when O(state=present)
  type: str
  sample: "2026-11-27"
seconds:
  description: How long it took.
  returned: when O(state=present)
  type: float
wants:
  description: The build contexts that this host lacks; the controller sends them, and the module runs again.
  returned: when something has to be built from what was not sent
  type: list
  elements: str
removed:
  description: The tags that were removed.
  returned: when O(state=absent)
  type: list
  elements: str
kept:
  description: The tags that stay because a container uses them.
  returned: when O(state=absent)
  type: list
  elements: str
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import PROGRESS_ARGUMENTS, Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.images.base import BaseImage
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import ImageBuilder
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.digests import NAME as DIGESTS
from ansible_collections.echobase.platform.plugins.module_utils.images.digests import DigestLock
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache, usual_folder
from ansible_collections.echobase.platform.plugins.module_utils.images.refresh import ImageRefresh
from ansible_collections.echobase.platform.plugins.module_utils.images.registry import Silence
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import ContextsNeeded, SentSources
from ansible_collections.echobase.platform.plugins.module_utils.images.supply import ImageSupply, Source
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    base = BaseImage.of_host()
    env = environment_of(params) if params["environment"] else None
    refresh = ImageRefresh(env, params["refresh"])
    catalogue, lock = _catalogue_of(params, base, refresh)
    builder = ImageBuilder(
        catalogue=catalogue,
        base=base,
        connect=docker_client,
        progress=Progress(params["progress"]),
        lock=Path(params["home"]) / ".images.lock",
        programs=ProgramCache(Path(params["programs"]) if params["programs"] else usual_folder()),
    )
    if params["state"] == "absent":
        return builder.absent(params["names"] or catalogue.names, module.check_mode)
    supply = ImageSupply(
        catalogue=catalogue,
        builder=builder,
        connect=docker_client,
        progress=Progress(params["progress"]),
        lock=lock,
        silence=Silence(Path(params["home"]) / ".registries-silent.json"),
        source=Source(params["source"]),
        registry=params["registry"],
    )
    try:
        outcome = supply.present(params["names"] or catalogue.usual_names, module.check_mode)
    except ContextsNeeded as needed:
        return Outcome(changed=False, facts={"wants": needed.names})
    if not module.check_mode:
        refresh.remember()
    return Outcome(
        changed=outcome.changed or refresh.is_news,
        before=refresh.before + outcome.before,
        after=refresh.after + outcome.after,
        facts=outcome.facts | {"refresh": refresh.wanted},
        warnings=outcome.warnings,
    )


def _catalogue_of(params: Mapping[str, Any], base: BaseImage, refresh: ImageRefresh) -> tuple[ImageCatalogue, DigestLock]:
    path, sent = Path(params["catalogue"]), params["sent"]
    if not sent:
        return ImageCatalogue.load(path, base.recipe, refresh.wanted), DigestLock.beside(path)
    sources = SentSources(sent["identities"], Path(sent["archive"]) if sent["archive"] else None)
    catalogue = ImageCatalogue.of(sent, sources, base.recipe, refresh.wanted, str(path))
    return catalogue, DigestLock(path.with_name(DIGESTS), sent["digests"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "catalogue": {"type": "path", "default": "images/catalogue.yml"},
            "sent": {
                "type": "dict",
                "options": {
                    "images": {"type": "dict", "required": True},
                    "identities": {"type": "dict", "required": True},
                    "digests": {"type": "dict", "required": True},
                    "archive": {"type": "path"},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "source": {"type": "str", "choices": [source.value for source in Source], "default": "auto"},
            "registry": {"type": "str", "default": ""},
            "programs": {"type": "path"},
            **ENVIRONMENT_ARGUMENTS,
            "environment": {"type": "str", "default": ""},
            "refresh": {"type": "str", "default": ""},
            **PROGRESS_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
