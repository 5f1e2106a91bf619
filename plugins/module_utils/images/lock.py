"""The lock file of a registry of one's own: by which digest each image is to be had there.

`catalogue` has the images of this collection by their names, `application` what the services of an application run. An image keeps the tag
that it has where it was built, so nothing else has to know that it was pulled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import REPOSITORY

_REFERENCE = re.compile(r"[^\s@]+/[^\s@]+@sha256:[0-9a-f]{64}")
_HEAD = """\
---
# The images of a release, by the digests that the registry gave them. The playbook `images` writes it; keep it in version control.
"""


@dataclass(frozen=True)
class LockedImage:
    """`contents` is a hash over what it was built from, which tells whether that is what this collection has."""

    tag: str
    reference: str
    contents: str = ""

    @property
    def digest(self) -> str:
        return self.reference.partition("@")[2]


@dataclass(frozen=True)
class ImagesLock:
    catalogue: Mapping[str, LockedImage] = field(default_factory=dict)
    application: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> ImagesLock:
        import yaml  # noqa: PLC0415 - the controller has it, with Ansible

        remedy = f"run {playbook('images')}, which writes it anew, or restore it from version control"
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            catalogue = {str(name): LockedImage(**one) for name, one in (content.get("catalogue") or {}).items()}
            application = {str(tag): str(reference) for tag, reference in (content.get("application") or {}).items()}
        except FileNotFoundError as error:
            raise Refusal(f"there is no lock file of images {file}", f"run {playbook('images')}, which writes it") from error
        except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise Refusal(f"the lock file of images {file} cannot be understood: {error}", remedy) from error
        wrong = [
            one for one in (*(image.reference for image in catalogue.values()), *application.values()) if not _REFERENCE.fullmatch(one)
        ]
        if wrong:
            raise Refusal(f"the lock file of images {file} has no digest in {', '.join(wrong)}", remedy)
        return cls(catalogue, application)

    def wanted(self, names: Iterable[str], contents: Mapping[str, str], file: Path) -> dict[str, LockedImage]:
        """Those of these names that it has; they have to be made from what this collection has."""
        found = {name: self.catalogue[name] for name in names if name in self.catalogue}
        other = sorted(name for name, image in found.items() if image.contents and image.contents != contents[name])
        if other:
            raise Refusal(
                f"{', '.join(other)} of {file} {'was' if len(other) == 1 else 'were'} built from other files than those of this collection",
                f"run {playbook('images')} again, which builds and pushes what changed",
            )
        return found


def locked(
    tags: Mapping[str, str],
    contents: Mapping[str, str],
    references: Mapping[str, str],
    images: Mapping[str, str],
    services: Mapping[str, Mapping[str, Any]],
) -> str:
    """The file's text. `tags` are those of the catalogue, `images` those of the `services` of an application."""
    catalogue = [
        f"  {name}: {{tag: {_own_tag(name, tag)}, reference: {references[tag]}, contents: {contents[name]}}}"
        for name, tag in sorted(tags.items())
    ]
    application = {}
    for service, image in images.items():
        if image not in tags.values():
            # What is not built is known by the name that the Compose file has for it.
            spec = services.get(service) or {}
            application[image if spec.get("build") else str(spec.get("image") or image)] = references[image]
    return "\n".join(
        [
            _HEAD + ("catalogue:" if catalogue else "catalogue: {}"),
            *catalogue,
            "application:" if application else "application: {}",
            *(f"  {tag}: {reference}" for tag, reference in sorted(application.items())),
            "",
        ]
    )


def _own_tag(name: str, tag: str) -> str:
    """What its makers publish is known by a digest; where it is pulled from somebody's own registry, it needs a name."""
    return tag if "@" not in tag else f"{REPOSITORY}/{name}:{tag.rpartition(':')[2][:12]}"
