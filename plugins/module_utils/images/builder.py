"""Images are there, or gone: plan what is missing, then build it, parents first and two at a time."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import images_lock
from ansible_collections.echobase.platform.plugins.module_utils.images.base import BaseImage
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import (
    BUILT_LABEL,
    LABEL,
    Image,
    ImageCatalogue,
    Program,
)
from ansible_collections.echobase.platform.plugins.module_utils.images.compiler import Compiler, Job
from ansible_collections.echobase.platform.plugins.module_utils.images.context import ContextFile
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.mirrors import build_arguments
from ansible_collections.echobase.platform.plugins.module_utils.images.official import is_mark
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache

if TYPE_CHECKING:
    from docker import DockerClient

HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
AT_ONCE = 2
# No single step, and no silence within one, may take longer.
PATIENCE_SECONDS = 3600
_EXIT_CODE = re.compile(r"returned a non-zero code: (\d+)")


@dataclass(frozen=True)
class BuildPlan:
    """Each image to build, with those of its parents that have to be built before it; of `programs`, each has to be compiled before, too,
    by the image that it has here."""

    order: dict[str, set[str]]
    programs: dict[str, str]

    @property
    def names(self) -> list[str]:
        return list(TopologicalSorter(self.order).static_order())


def plan_builds(wanted: Iterable[str], catalogue: ImageCatalogue, present: set[str], programs: ProgramCache) -> BuildPlan:
    """A parent is built only if something that is built needs it: finished images keep what they were made from. So is a compiler."""
    order: dict[str, set[str]] = {}
    compilers: dict[str, str] = {}
    left = list(wanted)
    while left:
        name = left.pop()
        if name in order or catalogue.tag(name) in present:
            continue
        needed = set(catalogue.image(name).parents.values())
        program = catalogue.image(name).program
        if program and not programs.has(catalogue.program_key(program), name):
            compilers[name] = program.compiler
            needed.add(program.compiler)
        order[name] = {parent for parent in needed if catalogue.tag(parent) not in present}
        left.extend(order[name])
    return BuildPlan(order, {name: compilers[name] for name in sorted(compilers)})


class ImageBuilder:
    """`connect` gives a new client each time: builds run side by side."""

    def __init__(
        self,
        *,
        catalogue: ImageCatalogue,
        base: BaseImage,
        connect: Callable[[int], DockerClient],
        progress: Progress,
        lock: Path,
        programs: ProgramCache,
    ) -> None:
        self._catalogue = catalogue
        self._base = base
        self._connect = connect
        self._progress = progress
        self._lock = lock
        self._programs = programs

    def plan(self, names: Iterable[str]) -> BuildPlan:
        return plan_builds(names, self._catalogue, self._present_tags(), self._programs)

    def build(self, names: Iterable[str]) -> list[str]:
        """Gives what it built. While programs are compiled, which takes minutes, another run can build images."""
        plan = self.plan(names)
        self._catalogue.sources.need([*plan.names, *(self._program(name).context_name for name in plan.programs)])
        built: list[str] = []
        if plan.programs:
            built += self._build_missing(set(plan.programs.values()))
            self._compiler().compile(self._job(name) for name in plan.programs)
        if plan.order:
            built += self._build_missing(names)
        return built

    def absent(self, names: list[str], check: bool) -> Outcome:
        """Every version of the images goes unless a container uses it, and with it the unnamed layers that only it was made from."""
        repositories = {self._catalogue.image(name).repository for name in names}
        client = self._connect(60).api
        used = {container["ImageID"] for container in client.containers(all=True)}
        everything = client.images()
        images = {tag: image["Id"] for image in everything for tag in _our_tags(image) if tag.rpartition(":")[0] in repositories}
        kept = sorted(tag for tag, identity in images.items() if identity in used)
        unused = sorted(set(images).difference(kept))
        if unused and not check:
            with self._one_run_at_a_time():
                self._remove([*unused, *_digests_of(everything, set(unused))])
            self._compiler().remove_caches()
        return Outcome(changed=bool(unused), before=listing(images), after=listing(kept), facts={"removed": unused, "kept": kept})

    def _present(self) -> list[dict[str, Any]]:
        return list(self._connect(60).api.images(filters={"label": LABEL}))

    def _present_tags(self) -> set[str]:
        return {tag for image in self._present() for tag in image["RepoTags"] or ()}

    def _build_missing(self, names: Iterable[str]) -> list[str]:
        with self._one_run_at_a_time():
            plan = self.plan(names)
            self._build_all(plan)
        return plan.names

    def _compiler(self) -> Compiler:
        return Compiler(self._programs, self._connect(PATIENCE_SECONDS), self._progress, _host_certificates())

    def _program(self, name: str) -> Program:
        return cast(Program, self._catalogue.image(name).program)

    def _job(self, name: str) -> Job:
        program = self._program(name)
        return Job(
            name=name,
            key=self._catalogue.program_key(program),
            package=program.package,
            image=self._catalogue.tag(program.compiler),
            sources=self._catalogue.program_context(program),
        )

    def _one_run_at_a_time(self) -> AbstractContextManager[None]:
        return images_lock(self._lock, lambda: self._progress.say("waiting for another run that is building images"))

    def _build_all(self, plan: BuildPlan) -> None:
        """The first failure stops further builds; those under way are finished, so their work is kept."""
        sorter = TopologicalSorter(plan.order)
        sorter.prepare()
        running: dict[Future[None], str] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while running or (sorter.is_active() and failure is None):
                if failure is None:
                    running.update({pool.submit(self._build, name): name for name in sorter.get_ready()})
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    failure = failure or future.exception()
                    sorter.done(name)
        if failure is not None:
            raise failure

    def _build(self, name: str) -> None:
        image = self._catalogue.image(name)
        log = BuildLog(name, self._progress)
        if image.bootstrap:
            self._bootstrap(image, log)
        else:
            self._build_from_context(image, log)

    def _bootstrap(self, image: Image, log: BuildLog) -> None:
        with self._workplace(image) as folder:
            archive = self._base.make(self._catalogue.context(image.name), folder, log.add)
            log.tell("handing it to the engine")
            repository, _separator, tag = self._catalogue.tag(image.name).rpartition(":")
            changes = [f"LABEL {LABEL}={image.name} {BUILT_LABEL}={datetime.now(UTC).date()}", 'CMD ["/bin/sh"]']
            answer = self._connect(PATIENCE_SECONDS).api.import_image_from_file(str(archive), repository, tag, changes)
            for line in answer.splitlines():
                self._take(json.loads(line), image, log)

    @contextmanager
    def _workplace(self, image: Image) -> Iterator[Path]:
        """The folder where the image is built. Its name is always the same, so that the next run removes what a killed one left."""
        folder = self._lock.with_name(f".making-{image.name}")
        shutil.rmtree(folder, ignore_errors=True)
        # The package manager's own user passes through it.
        folder.mkdir(mode=0o711)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _build_from_context(self, image: Image, log: BuildLog) -> None:
        context = self._catalogue.context(image.name)
        if "Dockerfile" not in context:
            raise Refusal(f"the build context of image {image.name} has no Dockerfile", f"restore it in images/{image.name}")
        further = {"host-ca.crt": ContextFile(_host_certificates())}
        if image.program:
            program = self._programs.read(self._catalogue.program_key(image.program), image.name)
            further["compiled"] = ContextFile(program, executable=True)
        parents = {argument: self._catalogue.tag(parent) for argument, parent in image.parents.items()}
        with tempfile.TemporaryFile() as archive:
            context.write_tar(archive, further)
            archive.seek(0)
            events = self._connect(PATIENCE_SECONDS).api.build(
                fileobj=archive,
                custom_context=True,
                tag=self._catalogue.tag(image.name),
                buildargs={**build_arguments(os.environ), **image.arguments, **parents},
                labels={LABEL: image.name},
                rm=True,
                forcerm=True,
                decode=True,
            )
            for event in events:
                self._take(event, image, log)

    def _take(self, event: dict[str, Any], image: Image, log: BuildLog) -> None:
        if "error" not in event:
            log.add(str(event.get("stream", "")))
            return
        log.close()
        error = str(event["error"]).strip()
        exit_code = _EXIT_CODE.search(error)
        reason = f"exit code {exit_code[1]}" if exit_code else error
        step = f" at {log.step}" if log.step else ""
        lines = "".join(f"\n  {line}" for line in log.lines)
        raise Refusal(
            f"image {image.name} could not be built{step}: {reason}{lines}\n",
            f"if it is not the network, correct {' or '.join(image.context)}; then run again",
        )

    def _remove(self, tags: list[str]) -> None:
        from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - see docker_client

        client = self._connect(60).api
        images = client.images(all=True)
        roots = {image["Id"] for image in images if set(image["RepoTags"] or ()).intersection(tags)}
        # Children are removed first: an image that another one is made from would only lose its name.
        for reference in [*unnamed_descendants(images, roots), *tags]:
            try:
                client.remove_image(reference)
            except ImageNotFound:
                continue
            except APIError as error:
                # Something started to use it just now. An unnamed layer that carries an image of somebody else's is no news.
                if reference in tags:
                    self._progress.say(f"kept {reference}: {error.explanation}")


def _host_certificates() -> bytes:
    return HOST_CERTIFICATES.read_bytes() if HOST_CERTIFICATES.is_file() else b""


def unnamed_descendants(images: list[dict[str, Any]], roots: set[str]) -> list[str]:
    """Gives the nameless images that were made from `roots`, each after those that were made from it."""
    children: dict[str, list[dict[str, Any]]] = {}
    for image in images:
        children.setdefault(image["ParentId"], []).append(image)
    found: list[str] = []

    def visit(parent: str) -> None:
        for child in children.get(parent, []):
            visit(child["Id"])
            if not [tag for tag in child["RepoTags"] or () if tag != "<none>:<none>"]:
                found.append(child["Id"])

    for root in sorted(roots):
        visit(root)
    return list(dict.fromkeys(found))


def _our_tags(image: dict[str, Any]) -> list[str]:
    """What was built has a label, what was pulled a mark in its tag. Neither is on an image of somebody else's that is called like ours."""
    built = LABEL in (image["Labels"] or {})
    return [tag for tag in image["RepoTags"] or () if built or is_mark(tag.rpartition(":")[2])]


def _digests_of(images: list[dict[str, Any]], tags: set[str]) -> list[str]:
    """The engine's further names of what was pulled: it keeps an image as long as it has one. An image that somebody else named as well
    stays, with all its names."""
    return [digest for image in images if image["RepoTags"] and tags.issuperset(image["RepoTags"]) for digest in image["RepoDigests"] or ()]


def listing(tags: Iterable[str]) -> str:
    return "".join(f"{tag}\n" for tag in sorted(tags))
