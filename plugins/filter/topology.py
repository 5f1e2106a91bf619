# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter `topology`: from an environment's name to everything that follows from it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import as_facts, environment


def topology(name: str, home: str = "", network_prefix: str = "") -> dict[str, Any]:
    try:
        return as_facts(environment(name, home, network_prefix))
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"topology": topology}
