"""The images of an application: built from its `build:` sections, taken from the catalogue, or those of a registry by their digest.

What is built is known by its content, as the catalogue's images are: nothing is built twice, and a release's name says what is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import images_lock
from ansible_collections.echobase.platform.plugins.module_utils.images.build_folders import BuildFolders, OwnFolders
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import LABEL, REPOSITORY
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.mirrors import build_arguments

if TYPE_CHECKING:
    from docker import DockerClient

_OURS = f"{REPOSITORY}/"


def catalogue_names(definition: Definition) -> list[str]:
    """The images of the catalogue that services run, or that their builds begin from."""
    references = [reference for service in _services(definition).values() for reference in _references(service)]
    return sorted({reference.removeprefix(_OURS) for reference in references if _is_ours(reference)})


def _references(service: Mapping[str, Any]) -> Iterator[str]:
    build = service.get("build")
    if build:
        yield from (str(value) for value in (build.get("args") or {}).values())
    elif service.get("image"):
        yield str(service["image"])


def _is_ours(reference: str) -> bool:
    return reference.startswith(_OURS) and ":" not in reference and "@" not in reference


def _services(definition: Definition) -> dict[str, Mapping[str, Any]]:
    return {**definition.services, **definition.jobs}


@dataclass(frozen=True)
class ImagePlan:
    # The image of each service, as its container is made from it.
    images: dict[str, str] = field(default_factory=dict)
    # What is to be built: the build section by the tag that its content gives it.
    to_build: dict[str, dict[str, Any]] = field(default_factory=dict)
    to_pull: list[str] = field(default_factory=list)

    def of_pulled(self, pulled: Sequence[str]) -> ImagePlan:
        """The same where only these come from a registry of one's own, and nothing is built."""
        for service, image in self.images.items():
            if (image in self.to_build or image in self.to_pull) and image not in pulled:
                raise Refusal(
                    f"services.{service}: its image {image} is not in the lock file of images",
                    f"run {playbook('images')} on this state of the application, which builds and pushes it",
                )
        return ImagePlan(self.images)


class ApplicationImages:
    """`tags` are those of the catalogue's images."""

    def __init__(
        self,
        docker: DockerClient,
        definition: Definition,
        tags: Mapping[str, str],
        *,
        progress: Progress,
        lock: Path,
        folders: BuildFolders | None = None,
    ) -> None:
        self._docker = docker
        self._definition = definition
        self._tags = tags
        self._folders = folders or OwnFolders()
        self._progress = progress
        self._lock = lock

    def plan(self) -> ImagePlan:
        plan = ImagePlan()
        present = {tag for image in self._docker.api.images() for tag in image["RepoTags"] or ()}
        for name, service in _services(self._definition).items():
            reference = str(service.get("image") or "")
            if service.get("build"):
                build = build_section(name, service["build"], self._tags)
                # Services that are built from the same have the same image.
                tag = f"{_OURS}{self._project}:{self._folders.address(name, build)}"
                plan.images[name] = tag
                if tag not in present:
                    plan.to_build[tag] = build
            elif _is_ours(reference):
                plan.images[name] = _tag(f"services.{name}.image", reference, self._tags)
            else:
                pinned = self._pinned(reference)
                plan.images[name] = pinned or reference
                if not pinned and reference not in plan.to_pull:
                    plan.to_pull.append(reference)
        return plan

    def provide(self, plan: ImagePlan) -> dict[str, str]:
        """Builds and pulls what is missing; gives the image of each service."""
        # The first service of each image stands for all that are built from the same.
        builders = {tag: next(name for name, image in plan.images.items() if image == tag) for tag in plan.to_build}
        self._folders.need({builders[tag]: build for tag, build in plan.to_build.items()})
        if plan.to_build or plan.to_pull:
            with images_lock(self._lock, lambda: self._progress.say("waiting for another run that is building images")):
                for reference in plan.to_pull:
                    self._pull(reference)
                if plan.to_build:
                    self._build({tag: self._folders.section(builders[tag], build) for tag, build in plan.to_build.items()})
        return {name: self._pinned(image) or image for name, image in plan.images.items()} if plan.to_pull else plan.images

    @property
    def _project(self) -> str:
        return str(self._definition.project["name"])

    def _pinned(self, reference: str) -> str:
        """The image by its digest, so that a container of tomorrow is that of today; empty where it is not here."""
        from docker.errors import ImageNotFound  # noqa: PLC0415 - see docker_client

        try:
            image: Mapping[str, Any] = self._docker.images.get(reference).attrs
        except ImageNotFound:
            return ""
        if "@" in reference:
            return reference
        repository = reference.rpartition(":")[0] if ":" in reference.rpartition("/")[2] else reference
        digests = [digest for digest in image.get("RepoDigests") or () if digest.partition("@")[0].endswith(repository)]
        # What was built here and by hand has none; the engine knows it by its content all the same.
        return str(digests[0]) if digests else str(image["Id"])

    def _pull(self, reference: str) -> None:
        from docker.errors import APIError  # noqa: PLC0415 - see docker_client

        log = BuildLog(reference, self._progress, verb="pulling")
        log.tell("asking its registry")
        repository, _separator, tag = (
            reference.rpartition(":") if "@" not in reference and ":" in reference.rpartition("/")[2] else (reference, "", None)
        )
        try:
            self._docker.images.pull(repository, tag=tag or (None if "@" in reference else "latest"))
        except APIError as error:
            services = [name for name, service in _services(self._definition).items() if service.get("image") == reference]
            raise Refusal(
                f"services.{services[0]}.image: {reference} cannot be pulled: {error.explanation or error}",
                "see that this host's engine reaches and may ask its registry, or give the service a `build:` section",
            ) from error

    def _build(self, sections: Mapping[str, dict[str, Any]]) -> None:
        """Compose builds, as its users know it: with BuildKit, targets, secrets and further contexts."""
        for tag, section in sections.items():
            log = BuildLog(tag.removeprefix(_OURS).partition(":")[0], self._progress)
            log.tell("reading its context")
            arguments = {**build_arguments(os.environ), **(section.get("args") or {})}
            labels = {**(section.get("labels") or {}), LABEL: tag.partition(":")[0].removeprefix(_OURS)}
            service = {"image": tag, "build": {**section, "args": arguments, "labels": labels}}
            file = json.dumps({"name": self._project, "services": {"it": service}})
            command = ["docker", "compose", "--file", "-", "--progress", "plain", "build"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
                stdin, lines = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
                stdin.write(file)
                stdin.close()
                for line in lines:
                    log.add(line)
            log.close()
            if process.returncode != 0:
                said = "".join(f"\n  {line}" for line in log.lines)
                raise Refusal(
                    f"image {tag} could not be built: exit code {process.returncode}{said}\n",
                    f"correct its Dockerfile in {section.get('context')}",
                )


def build_sections(definition: Definition, tags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The `build:` section of each service that has one."""
    return {name: build_section(name, one["build"], tags) for name, one in _services(definition).items() if one.get("build")}


def build_section(name: str, build: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The section with the catalogue's tags where it names its images."""
    arguments = {
        key: _tag(f"services.{name}.build.args.{key}", str(value), tags) if _is_ours(str(value)) else value
        for key, value in (build.get("args") or {}).items()
    }
    return {**build, "args": arguments}


def _tag(where: str, reference: str, tags: Mapping[str, str]) -> str:
    name = reference.removeprefix(_OURS)
    if name not in tags:
        raise Refusal(f"{where}: there is no image {reference} in the catalogue", "choose one of images/catalogue.yml, or give its version")
    return tags[name]


def release_name(definition: Definition, images: Mapping[str, str]) -> str:
    """The identity of a release: its version, where it has one, and a hash over its images and its definition."""
    content = json.dumps([definition.digest, dict(images)], sort_keys=True)
    return f"{definition.version}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
