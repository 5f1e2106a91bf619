# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module sent_images: saves what the host lacks from the controller's engine, and sends it without the layers that are there."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import PATIENCE_SECONDS
from ansible_collections.echobase.platform.plugins.module_utils.images.saved_images import (
    checksum,
    files_to_leave_out,
    saved_images,
    write_without,
)
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller, sent

if TYPE_CHECKING:
    from docker import DockerClient


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        known = task_vars or {}
        return told(self._answer_of(lambda: self._sending(known), tmp, task_vars), known)

    def _sending(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        tags = list(dict.fromkeys(self._task.args.get("images") or []))
        if is_the_controller(self):
            # The host has the controller's engine.
            return {"changed": False, "sent": []}
        client = docker_client(PATIENCE_SECONDS)
        arguments = {**self._task.args, "identities": {tag: _identity(client, tag) for tag in tags}}
        answer: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        if "layers" in answer:
            further = self._send(answer["sent"], answer["layers"])
            answer = self._execute_module(module_args={**arguments, **further}, task_vars=task_vars)
        return answer

    def _send(self, tags: list[str], there: list[list[str]]) -> dict[str, str]:
        with tempfile.TemporaryDirectory(prefix="echobase-images-") as folder:
            whole, smaller = Path(folder) / "whole.tar", Path(folder) / "smaller.tar"
            saved = subprocess.run(["docker", "save", "--output", str(whole), *tags], capture_output=True, text=True, check=False)
            if saved.returncode != 0:
                raise Refusal(
                    f"the engine of the machine where Ansible runs does not save {', '.join(tags)}: {saved.stderr.strip()}", "run again"
                )
            with tarfile.open(whole) as archive:
                left_out = files_to_leave_out(saved_images(archive), there)
            with smaller.open("wb") as stream:
                write_without(whole, left_out, stream)
            whole.unlink()
            with smaller.open("rb") as stream:
                known_by = checksum(stream)
            file = sent(self, "images.tar", f"{', '.join(tags)} without {len(left_out)} layers that are there", _copy_of(smaller))
        return {"archive": file, "checksum": known_by}


def _identity(client: DockerClient, tag: str) -> str:
    from docker.errors import ImageNotFound  # noqa: PLC0415 - see docker_client

    try:
        return str(client.api.inspect_image(tag)["Id"])
    except ImageNotFound as error:
        raise Refusal(f"there is no image {tag} on the machine where Ansible runs", "build it there first") from error


def _copy_of(file: Path) -> Any:
    def write(target: IO[bytes]) -> None:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                target.write(piece)

    return write
