# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter `database_image`: from an engine, and a major version of it, to the image in the catalogue that has it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named


def database_image(engine: str, major: object = "") -> str:
    """Gives the name of the image. The version may be a number, since YAML takes 15 and 10.11 for numbers."""
    try:
        return engine_named(engine).image_of_major(str(major))
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"database_image": database_image}
