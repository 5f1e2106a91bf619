"""The module arguments that name an environment; the twin of doc_fragments/environment.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import DEFAULT_NETWORK_PREFIX, Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME, Environment, environment

# The name has no `choices`: any environment may come from an inventory, and a bad name is refused in the collection's own words.
ENVIRONMENT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "environment": {"type": "str", "required": True},
    "home": {"type": "path", "default": DEFAULT_HOME},
    "network_prefix": {"type": "str", "default": DEFAULT_NETWORK_PREFIX},
    "index": {"type": "int"},
    "ports": {"type": "dict"},
    "subnets": {"type": "str"},
    "public_names": {"type": "list", "elements": "str", "default": []},
    "lease": {"type": "int"},
}


_PREFIX = re.compile(r"(?:1?\d?\d|2[0-4]\d|25[0-5])\.(?:1?\d?\d|2[0-4]\d|25[0-5])")


def environment_of(params: Mapping[str, Any]) -> Environment:
    if not _PREFIX.fullmatch(params["network_prefix"]):
        raise Refusal(f"echobase_network_prefix '{params['network_prefix']}' is no start of an address", "give two octets, such as 10.231")
    placement = Placement(params.get("index"), params.get("ports"), params.get("subnets") or "")
    return environment(params["environment"], params["home"], params["network_prefix"], placement, params.get("public_names") or ())
