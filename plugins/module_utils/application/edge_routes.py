"""What the edge has to know of both colours' routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


def edge_routes(env: Environment, definitions: Mapping[str, Definition | None]) -> dict[str, Any]:
    return {}
