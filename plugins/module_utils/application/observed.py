"""What an application brings for those who watch it, read from the files that its block names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem, refuse
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK, OBSERVE, Settings


def observed(settings: Settings, compose_file: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of the files by what they are for, and by the name that each has without its folder and ending."""
    problems: list[Problem] = []
    found: dict[str, dict[str, str]] = {kind: {} for kind in OBSERVE}
    for kind, files in settings.observe.items():
        where = f"{BLOCK}.observe.{kind}"
        for file in files:
            name = Path(file).stem
            if name in found[kind]:
                problems.append(Problem(where, f"two files are called {name}", "give one of them another name"))
            try:
                found[kind][name] = (Path(compose_file).parent / file).read_text(encoding="utf-8")
            except OSError as error:
                problems.append(Problem(where, f"{file} cannot be read ({error.strerror})", "name a file beside this one"))
            except UnicodeDecodeError:
                problems.append(Problem(where, f"{file} is no text", "name a file beside this one"))
    refuse(compose_file, problems)
    return found
