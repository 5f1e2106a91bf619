# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter `rotations`: from the names that a user typed to who rotates each of them, or to what is wrong with them."""

from __future__ import annotations

from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.rotation.kinds import rotations


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"rotations": rotations}
