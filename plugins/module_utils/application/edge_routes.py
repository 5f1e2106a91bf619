"""What the edge has to know of both colours' routes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


def edge_routes(env: Environment, definitions: Mapping[str, Definition | None]) -> dict[str, Any]:
    return {"digest": ""}


def edge_knows(env: Environment, routes: Mapping[str, Any]) -> bool:
    """Whether the edge's configuration was made from just these routes: it has their digest in a comment."""
    try:
        return routes["digest"] in Path(env.path("edge", "nginx.conf")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
