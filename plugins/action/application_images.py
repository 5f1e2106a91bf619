# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module application_images: another machine gets the files of the builds that it lacks, and of no other."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.images.application_images import build_sections
from ansible_collections.echobase.platform.plugins.module_utils.images.build_folders import content_address, write_folders
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller, sent


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if is_the_controller(self):
            return dict(super().run(tmp, task_vars))
        known = task_vars or {}
        return told(self._answer_of(lambda: self._sending(known), tmp, task_vars), known)

    def _sending(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        sections = build_sections(Definition.of(self._task.args["definition"]), self._task.args.get("tags") or {})
        addresses = {name: content_address(f"services.{name}.build", build) for name, build in sections.items()}
        arguments = {**self._task.args, "addresses": addresses}
        answer: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        if answer.get("wants"):
            wanted = {name: sections[name] for name in answer["wants"]}
            what = f"what {' and '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} built from"
            archive = sent(self, "builds.tar.gz", what, partial(_write, wanted))
            answer = self._execute_module(module_args={**arguments, "archive": archive}, task_vars=task_vars)
        return answer


def _write(sections: Mapping[str, Mapping[str, Any]], stream: IO[bytes]) -> None:
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for service, build in sections.items():
            write_folders(archive, service, build)
