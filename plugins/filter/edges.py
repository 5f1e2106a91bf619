# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter `compared_edges`: what several edges together know of their switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.traffic.group_switch import compare


def compared_edges(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`results` are those of a loop over the edges."""
    return compare({result["item"]: result for result in results})


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"compared_edges": compared_edges}
