"""Where each wanted image comes from: it is there, its makers' is pulled, it is built, or there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import ImageBuilder, listing
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import Image, ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.digests import DigestLock
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage
from ansible_collections.echobase.platform.plugins.module_utils.images.registry import NotThere, Registries, RegistryAway, Silence

if TYPE_CHECKING:
    from docker import DockerClient


class Source(StrEnum):
    """AUTO pulls what has an official image where its registry answers, and builds the rest."""

    AUTO = "auto"
    PULL = "pull"
    BUILD = "build"


@dataclass
class Supply:
    """How each image is called, whichever way it came, and what is still to do for that."""

    tags: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    to_pull: dict[str, OfficialImage] = field(default_factory=dict)
    to_build: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    # Registries that were asked just now and did not answer.
    silent: dict[str, str] = field(default_factory=dict)


class ImageSupply:
    """`registry` is somebody's own, which has the official images under their usual paths; empty means the one in the catalogue."""

    def __init__(
        self,
        *,
        catalogue: ImageCatalogue,
        builder: ImageBuilder,
        connect: Callable[[int], DockerClient],
        progress: Progress,
        lock: DigestLock,
        silence: Silence,
        source: Source = Source.AUTO,
        registry: str = "",
    ) -> None:
        self._catalogue = catalogue
        self._builder = builder
        self._connect = connect
        self._progress = progress
        self._lock = lock
        self._silence = silence
        self._source = source
        self._registry = registry
        self._registries = Registries(connect)

    def present(self, names: Iterable[str], check: bool) -> Outcome:
        started = time.monotonic()
        supply = self._look_around(list(dict.fromkeys(names)))
        if not check:
            self._remember(supply)
            self._pull(supply)
        pulled = sorted(supply.to_pull)
        silent = self._silent(supply)
        for line in silent:
            self._progress.say(line)
        supply.tags |= self._catalogue.tags(supply.to_build)
        built = self._builder.plan(supply.to_build).names if check else self._builder.build(supply.to_build)
        return Outcome(
            changed=bool(built or pulled),
            before=listing(tag for name, tag in supply.tags.items() if name not in built and name not in pulled),
            after=listing(supply.tags.values()),
            facts={
                "tags": supply.tags,
                "digests": supply.digests,
                "built": built,
                "pulled": pulled,
                "absent": supply.absent,
                "silent": silent,
                "seconds": round(time.monotonic() - started, 1),
            },
        )

    def _look_around(self, names: list[str]) -> Supply:
        """A registry is asked only for what is missing."""
        supply = Supply()
        images = {name: self._catalogue.image(name) for name in names}
        # Most runs want only what is always built: for those the engine need not list everything.
        may_be_pulled = any(self._official(image) for image in images.values())
        on_engine = list(self._connect(60).api.images()) if may_be_pulled else []
        for name, image in images.items():
            official = self._official(image)
            digest = self._pulled(image, official, on_engine) if official else ""
            if official and digest:
                supply.tags[name], supply.digests[name] = official.by(digest), digest
            elif official is None:
                self._without_registry(supply, image, f"{name} is only ever pulled, and images_source is build")
            elif self._source is not Source.PULL and image.can_be_built and _has_tag(on_engine, self._catalogue.tag(name)):
                supply.tags[name] = self._catalogue.tag(name)
            else:
                self._ask(supply, image, official)
        return supply

    def _official(self, image: Image) -> OfficialImage | None:
        return image.official.at(self._registry) if image.official and self._source is not Source.BUILD else None

    def _pulled(self, image: Image, official: OfficialImage, on_engine: list[dict[str, Any]]) -> str:
        """The digest of the image that is here because we pulled it; one that differs from the lock file does not count."""
        locked = self._lock.digest(cast(OfficialImage, image.official))
        for found in on_engine:
            for reference in found["RepoDigests"] or ():
                digest = reference.rpartition("@")[2]
                marked = f"{image.repository}:{official.mark(digest)}" in (found["RepoTags"] or ())
                if marked and reference == official.as_engine_lists_it(digest) and locked in ("", digest):
                    return str(digest)
        return ""

    def _ask(self, supply: Supply, image: Image, official: OfficialImage) -> None:
        known = self._silence.since(official.registry) if self._source is Source.AUTO else ""
        if known:
            self._without_registry(supply, image, f"{official.registry} did not answer at {known}; images_source=pull asks it again")
            return
        try:
            digest = self._digest(image, official)
        except (RegistryAway, NotThere) as reason:
            self._do_without(supply, image, official, reason)
            return
        supply.tags[image.name], supply.digests[image.name] = official.by(digest), digest
        supply.to_pull[image.name] = official

    def _digest(self, image: Image, official: OfficialImage) -> str:
        locked = self._lock.digest(cast(OfficialImage, image.official))
        if not locked:
            return self._registries.digest(official, official.tag)
        try:
            return self._registries.digest(official, official.by(locked))
        except NotThere:
            found = self._registries.digest(official, official.tag)
        raise Refusal(
            f"{official.tag} is {found}, and {self._lock.file} has {locked}: somebody published another image under the same version",
            "ask its makers why; if you trust it, run make digests and look at what changes; images_source=build does without",
        )

    def _do_without(self, supply: Supply, image: Image, official: OfficialImage, reason: Exception) -> None:
        away = isinstance(reason, RegistryAway)
        cause = f"{official.registry} does not answer ({reason})" if away else str(reason)
        if self._source is Source.PULL:
            raise Refusal(
                f"{official.tag} cannot be pulled: {cause}",
                "see that this host's engine reaches the registry, name your own in images_registry, or leave images_source at auto",
            )
        if away:
            supply.silent[official.registry] = cause
        self._without_registry(supply, image, cause)

    def _without_registry(self, supply: Supply, image: Image, reason: str) -> None:
        if image.can_be_built:
            supply.to_build.append(image.name)
        else:
            supply.absent[image.name] = reason

    def _pull(self, supply: Supply) -> None:
        for name, official in list(supply.to_pull.items()):
            image = self._catalogue.image(name)
            log = BuildLog(name, self._progress, verb="pulling")
            log.tell(official.tag)
            try:
                self._registries.pull(official, supply.digests[name], image.repository, log)
            except (RegistryAway, NotThere) as reason:
                del supply.to_pull[name], supply.tags[name], supply.digests[name]
                self._do_without(supply, image, official, reason)

    def _remember(self, supply: Supply) -> None:
        for registry in supply.silent:
            self._silence.remember(registry)
        for official in supply.to_pull.values():
            self._silence.forget(official.registry)

    def _silent(self, supply: Supply) -> list[str]:
        """One line a registry, and only in the run that found it silent. Whoever insists on the makers' images says `pull`."""
        lines = []
        for registry, cause in supply.silent.items():
            concerned = [name for name in (*supply.to_build, *supply.absent) if self._is_at(name, registry)]
            built = [name for name in concerned if name in supply.to_build]
            absent = [name for name in concerned if name in supply.absent]
            instead = [f"built instead: {', '.join(built)}"] if built else []
            instead += [f"done without: {', '.join(absent)}"] if absent else []
            lines.append("; ".join([cause, *instead, "all else works, and it is asked again in a day or by images_source=pull"]))
        return lines

    def _is_at(self, name: str, registry: str) -> bool:
        official = self._official(self._catalogue.image(name))
        return official is not None and official.registry == registry


def _has_tag(on_engine: list[dict[str, Any]], tag: str) -> bool:
    return any(tag in (image["RepoTags"] or ()) for image in on_engine)
