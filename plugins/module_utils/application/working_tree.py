"""An application as somebody edits it: its Compose file, and beside it what its services are while they are edited.

That second file is what Compose calls an override: development servers in the place of services, and folders that they read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import WORKING_TREE
from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem, refuse
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def watch_file(file: str) -> Path:
    """`compose.watch.yml` beside `compose.yml`."""
    path = Path(file)
    return path.with_name(f"{path.stem}.watch{path.suffix}")


def working_tree(file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What Compose makes of both files, marked as no release."""
    further = watch_file(file)
    if not further.is_file():
        raise Refusal(f"there is no {further}", "write into it how your services run while you edit them: docs/operate/watch.md")
    project = compose_answer(file, variables, str(further))
    refuse(str(further), _missing_folders(project))
    # Compose merges what it knows. Of a block that is none of its business the later file's takes the place of the earlier one's.
    block = _merged(compose_answer(file, variables).get(BLOCK), project.get(BLOCK))
    return {**project, BLOCK: block, WORKING_TREE: True}


def _merged(earlier: Any, later: Any) -> Any:
    """Mappings together, where null takes a key away; anything else as the later one says."""
    if not isinstance(earlier, Mapping) or not isinstance(later, Mapping):
        return later
    both = {key: _merged(earlier.get(key), later[key]) if key in later else earlier[key] for key in {**earlier, **later}}
    return {key: value for key, value in both.items() if value is not None}


def _missing_folders(project: Mapping[str, Any]) -> Iterator[Problem]:
    """The engine would make them, as root, and they would stay."""
    for name, service in project.get("services", {}).items():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind" and not Path(str(mount.get("source"))).exists():
                yield Problem(f"services.{name}.volumes", f"there is no {mount.get('source')}", "correct the path")
