"""The module arguments that name an environment; the twin of doc_fragments/environment.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.topology import (
    DEFAULT_HOME,
    DEFAULT_NETWORK_PREFIX,
    Environment,
    environment,
)

# The name has no `choices`: topology refuses an unknown one in the collection's own words.
ENVIRONMENT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "environment": {"type": "str", "required": True},
    "home": {"type": "path", "default": DEFAULT_HOME},
    "network_prefix": {"type": "str", "default": DEFAULT_NETWORK_PREFIX},
}


def environment_of(params: Mapping[str, Any]) -> Environment:
    return environment(params["environment"], params["home"], params["network_prefix"])
