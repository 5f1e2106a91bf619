# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module images: another machine gets the catalogue, and then the build contexts of what it has to build."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path
from typing import IO, Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue, content_of
from ansible_collections.echobase.platform.plugins.module_utils.images.digests import DigestLock
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import as_argument
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller, sent

# A pull that fails half-way makes a host ask a second time.
_TIMES = 4


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if is_the_controller(self):
            return dict(super().run(tmp, task_vars))
        known = task_vars or {}
        return told(self._answer_of(lambda: self._sending(known), tmp, task_vars), known)

    def _sending(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        path = Path(self._task.args.get("catalogue", "images/catalogue.yml"))
        # How the base is made is the host's own business; nothing that is read here depends on it.
        catalogue = ImageCatalogue.load(path, base_recipe="")
        given = as_argument(content_of(path)["images"], catalogue.identities(), DigestLock.beside(path).digests)
        answer: dict[str, Any] = self._execute_module(module_args={**self._task.args, "sent": given}, task_vars=task_vars)
        for _time in range(_TIMES):
            if not answer.get("wants"):
                break
            names = answer["wants"]
            what = f"the build context{'s' if len(names) > 1 else ''} of {', '.join(names)}"
            archive = sent(self, "contexts.tar.gz", what, partial(_write, catalogue, names))
            arguments = {**self._task.args, "sent": {**given, "archive": archive}}
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        return answer


def _write(catalogue: ImageCatalogue, names: list[str], stream: IO[bytes]) -> None:
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in names:
            catalogue.named_context(name).add_to(archive, folder=f"{name}/")
