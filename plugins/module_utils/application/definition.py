"""An application as its Compose file defines it: what runs, what runs once, and what the block `x-echobase` says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_rules import notes_of, problems_of, without
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import TEXTS
from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem, refuse
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK, Settings, SettingsReader

# The names of the services whose place the durable layer takes, in a project without them.
_REPLACED = "x-echobase-replaced"
# A project with this key is served from the folders where somebody edits it, and is no release.
WORKING_TREE = "x-echobase-working-tree"


@dataclass(frozen=True)
class Definition:
    """`project` is what `docker compose config` answered, the services left out whose place the durable layer takes."""

    project: Mapping[str, Any]
    settings: Settings
    # How it is done otherwise than the file says, a line each.
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, project: Mapping[str, Any], file: str = "the Compose file") -> Definition:
        services = project.get("services") or {}
        # A definition that was kept lacks them already.
        reader = SettingsReader(project.get(BLOCK), [*services, *project.get(_REPLACED, ())])
        settings = reader.read()
        replaced = [*(settings.database.instead_of if settings.database else ()), *(settings.cache.instead_of if settings.cache else ())]
        kept = {**without(project, replaced), **({_REPLACED: replaced} if replaced else {})}
        in_compose = problems_of(kept, settings.volumes, may_mount_folders=WORKING_TREE in kept)
        refuse(file, [*reader.problems, *in_compose, *_contradictions(settings, kept, replaced)])
        return cls(kept, settings, tuple(str(note) for note in notes_of(kept)))

    @property
    def is_working_tree(self) -> bool:
        return WORKING_TREE in self.project

    @property
    def services(self) -> dict[str, Mapping[str, Any]]:
        """What runs as long as the colour does. Services with a profile run only where a job names them."""
        jobs = set(self.settings.jobs.values())
        return {name: one for name, one in self.project["services"].items() if not one.get("profiles") and name not in jobs}

    @property
    def jobs(self) -> dict[str, Mapping[str, Any]]:
        """What runs once, by the name of its service."""
        return {name: self.project["services"][name] for name in dict.fromkeys(self.settings.jobs.values())}

    @property
    def secret_files(self) -> dict[str, str]:
        """Secrets that the user has in files of his own, by their names."""
        used = {str(secret["source"]) for one in self.project["services"].values() for secret in one.get("secrets") or ()}
        return {name: str(secret["file"]) for name, secret in (self.project.get("secrets") or {}).items() if name in used}

    @property
    def version(self) -> str:
        """What a release is called by people; without one it has the project's name."""
        return self.settings.version or str(self.project.get("name", "application"))

    @property
    def digest(self) -> str:
        """What a release's name says of it. Where its files lay when it was built is no part of it."""
        services = {
            name: {key: value for key, value in service.items() if key != "build"}
            for name, service in {**self.services, **self.jobs}.items()
        }
        content = {**{key: self.project.get(key) for key in ("networks", "volumes", BLOCK)}, "services": services}
        if TEXTS in self.project:
            content[TEXTS] = self.project[TEXTS]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _contradictions(settings: Settings, project: Mapping[str, Any], replaced: Sequence[str]) -> list[Problem]:
    problems = []
    jobs = set(settings.jobs.values())
    for service in settings.routed:
        if service in replaced:
            problems.append(
                Problem(f"{BLOCK}.routes", f"'{service}' is replaced by the durable layer", "lead the route to another service")
            )
        elif service in jobs:
            problems.append(
                Problem(f"{BLOCK}.routes", f"'{service}' is a job, which runs once and ends", "lead the route to another service")
            )
        elif project["services"][service].get("profiles"):
            problems.append(Problem(f"services.{service}.profiles", "a service with a profile is not started", "leave the profile out"))
    for secret in settings.secrets:
        if secret in (project.get("secrets") or {}):
            what = f"'{secret}' has a file already, under secrets.{secret}"
            problems.append(Problem(f"{BLOCK}.secrets", what, "name it in one of the two"))
    if "schema" in settings.jobs and {"expand", "contract"} & set(settings.jobs):
        problems.append(Problem(f"{BLOCK}.jobs", "schema stands beside expand or contract", "keep schema alone, or the two commands"))
    if {"schema", "expand", "contract"} & set(settings.jobs) and settings.database is None:
        problems.append(Problem(f"{BLOCK}.jobs", "migrates a database that is not named", f"add {BLOCK}.database"))
    return problems
