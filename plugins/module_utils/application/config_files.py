"""The small files that an application names in `configs`: what they hold is part of its definition, and lies in files of the environment.

They are called after what they hold, so both colours, jobs and rehearsals find those of their own release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem, refuse
from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# What they hold, by the name that the Compose file has for each.
TEXTS = "x-echobase-configs"
_FOLDER = "application-configs"


def with_texts(project: Mapping[str, Any], root: Path, file: str) -> dict[str, Any]:
    """The project with what its configs hold; `root` is the folder below which their paths are."""
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for name, config in (project.get("configs") or {}).items():
        if not config.get("file"):
            continue
        try:
            texts[name] = (root / str(config["file"]).lstrip("/")).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            problems.append(
                Problem(
                    f"configs.{name}.file",
                    f"{config['file']} cannot be read: {reason}",
                    "correct the path, or copy the file into the image",
                )
            )
    refuse(file, problems)
    return {**project, TEXTS: texts} if texts else dict(project)


def config_files(env: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level `configs` of a project made from this one."""
    texts = project.get(TEXTS) or {}
    configs = project.get("configs") or {}
    return {name: {**config, "file": _path(env, texts[name])} if name in texts else dict(config) for name, config in configs.items()}


def write_config_files(env: Environment, project: Mapping[str, Any]) -> None:
    for text in (project.get(TEXTS) or {}).values():
        path = Path(_path(env, text))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whoever a program runs as reads it; nobody else gets past the environment's own folder.
            write_durably(path, text, mode=0o644)


def forget_config_files(env: Environment, in_use: Iterable[Mapping[str, Any]]) -> None:
    """All but those of these projects."""
    kept = {Path(_path(env, text)).name for project in in_use for text in (project.get(TEXTS) or {}).values()}
    folder = Path(env.path(_FOLDER))
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _path(env: Environment, text: str) -> str:
    return env.path(_FOLDER, hashlib.sha256(text.encode()).hexdigest()[:16])
