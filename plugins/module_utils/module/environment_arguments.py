"""The module arguments that name an environment; the twin of doc_fragments/environment.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import (
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
    "lease": {"type": "int"},
}


_PREFIX = re.compile(r"(?:1?\d?\d|2[0-4]\d|25[0-5])\.(?:1?\d?\d|2[0-4]\d|25[0-5])")


def environment_of(params: Mapping[str, Any]) -> Environment:
    if not _PREFIX.fullmatch(params["network_prefix"]):
        raise Refusal(f"echobase_network_prefix '{params['network_prefix']}' is no start of an address", "give two octets, such as 10.231")
    return environment(params["environment"], params["home"], params["network_prefix"])
