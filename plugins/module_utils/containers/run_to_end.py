"""Runs a container that was created for one job, and removes it when the job is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import found_or_none

if TYPE_CHECKING:
    from docker import DockerClient

# A backup or a copy of much data may take days.
_LONGEST_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    complaint: str


def run_to_end(docker: DockerClient, container: str, seconds: int = _LONGEST_SECONDS) -> Ended:
    api = docker.api
    try:
        api.start(container)
        status = int(api.wait(container, timeout=seconds)["StatusCode"])
        output, complaint = (api.logs(container, stdout=out, stderr=not out).decode(errors="replace") for out in (True, False))
    finally:
        # Another run may have removed it meanwhile, as a container that a killed caller left.
        found_or_none(lambda: api.remove_container(container, force=True, v=True))
    return Ended(status, output, complaint)
