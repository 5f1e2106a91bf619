# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of role observability: `log_store`, `in_bytes`, `share_of_memory`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.observability.log_store import chosen_log_store

# Go collects garbage harder from here on, so that a burst is no death.
_SHARE = 0.85


def log_store(choice: str, images: Collection[str], days: int, size: str) -> dict[str, Any]:
    """The log store that is meant, as the templates need it."""
    try:
        store = chosen_log_store(choice, images)
        limit = byte_size(str(size), "observability_logs_size")
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal
    return {
        "name": store.name,
        "service": store.service,
        "image": store.image,
        "port": store.port,
        "metrics_path": store.metrics_path,
        "command": store.command(int(days), limit),
        "exporter": store.exporter(),
    }


def share_of_memory(limit: str) -> str:
    """How much of its limit a Go program may use before it saves memory, as GOMEMLIMIT has it."""
    return f"{int(in_bytes(limit, 'observability_memory') * _SHARE)}B"


def in_bytes(size: str, option: str) -> int:
    """A size in Docker's notation, as a number; `option` is what a user has to correct."""
    try:
        return byte_size(str(size), option)
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"log_store": log_store, "in_bytes": in_bytes, "share_of_memory": share_of_memory}
