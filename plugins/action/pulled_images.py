# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module pulled_images: reads the lock file and the catalogue, which are the controller's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.lock import ImagesLock


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        arguments = dict(self._task.args)
        try:
            file = Path(arguments.get("lock", "")).expanduser()
            lock = ImagesLock.read(file)
            # How the base is made where an image was built is no part of what it was built from.
            catalogue = ImageCatalogue.load(Path(arguments.get("catalogue", "")), base_recipe="")
            names = list(arguments.get("names") or [])
            wanted = lock.wanted(names, catalogue.tags(names), file)
        except Refusal as refusal:
            return told({"failed": True, "msg": str(refusal)}, task_vars or {})
        application = dict(lock.application) if boolean(arguments.get("application", False)) else {}
        arguments["images"] = {image.tag: image.reference for image in wanted.values()} | application
        self._task.args = arguments
        answer = dict(super().run(tmp, task_vars))
        absent = {name: f"{file} does not have it" for name in names if name not in wanted}
        return answer | {
            "tags": {name: image.tag for name, image in wanted.items()},
            "digests": {name: image.digest for name, image in wanted.items()},
            "absent": absent,
            "application": application,
        }
