"""The definition that each colour was made from. It stays with the colour: the other one may have a newer one, with other routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import forget_config_files
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_FOLDER = "application"


@dataclass(frozen=True)
class Deployed:
    """What a colour was made from: the definition, the release, and the image of each service."""

    definition: Definition
    release: str
    version: str
    images: Mapping[str, str]


class StoredDefinitions:
    def __init__(self, env: Environment) -> None:
        self._env = env

    def of(self, colour: str) -> Deployed | None:
        """None where the colour was never deployed, or was removed."""
        path = self._path(colour)
        written = self.written(colour)
        if not written:
            return None
        try:
            told = json.loads(written)
            return Deployed(Definition.of(told["project"], str(path)), told["release"], told["version"], told["images"])
        except (ValueError, LookupError, TypeError) as error:
            raise Refusal(
                f"{path} cannot be understood ({error})", f"deploy {colour} again, which writes it anew: {playbook('deploy')}"
            ) from error

    def written(self, colour: str) -> str:
        try:
            return self._path(colour).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def text(self, project: Mapping[str, Any], release: str, version: str, images: Mapping[str, str]) -> str:
        content = {"release": release, "version": version, "images": dict(images), "project": project}
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    def write(self, colour: str, text: str) -> None:
        path = self._path(colour)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, text, mode=0o600)
        deployed = (self.of(other) for other in self._env.colours)
        forget_config_files(self._env, [one.definition.project for one in deployed if one])

    def _path(self, colour: str) -> Path:
        return Path(self._env.path(_FOLDER, f"{self._env.colour(colour).name}.json"))
