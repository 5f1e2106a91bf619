# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of role observability: `log_store`, `in_bytes`, `share_of_memory`, `named_files`, `written_dashboards`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import yaml
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


def named_files(texts: Mapping[str, str], pattern: str) -> dict[str, str]:
    """Texts by the names of their files; `%s` in the pattern is the name that each has."""
    return {pattern % name: text for name, text in texts.items()}


def written_dashboards(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The dashboards of an application as the console reads them. The text of one is YAML, as in apps/console/dashboards."""
    found = []
    for name, text in texts.items():
        try:
            written = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise AnsibleFilterError(f"dashboard {name} of the application is no YAML: {str(error).splitlines()[-1].strip()}") from error
        if not isinstance(written, dict) or not {"title", "about", "rows"} <= written.keys():
            raise AnsibleFilterError(f"dashboard {name} of the application lacks one of title, about and rows")
        found.append({"name": name, **written})
    return found


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "log_store": log_store,
            "in_bytes": in_bytes,
            "share_of_memory": share_of_memory,
            "named_files": named_files,
            "written_dashboards": written_dashboards,
        }
