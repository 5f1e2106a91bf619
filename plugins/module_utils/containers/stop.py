"""Stops a database server, also one that is just coming up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

# A server gets so long for what it still has to write; after that it is killed, and its next start is a recovery.
_PATIENCE_SECONDS = 600
_AGAIN_SECONDS = 5


def stop_server(docker: DockerClient, container: str) -> None:
    """MariaDB drops a signal that comes while it starts, so it is told again and again; a server that goes down ignores the second one."""
    from docker.errors import APIError  # noqa: PLC0415 - the caller's client proves that it is there
    from requests.exceptions import ConnectionError as NoAnswer  # noqa: PLC0415 - see above
    from requests.exceptions import ReadTimeout  # noqa: PLC0415 - see above

    api = docker.api
    # Sent as the container's own stop signal it also keeps the engine from starting it anew.
    signal = api.inspect_container(container)["Config"].get("StopSignal") or "SIGTERM"
    patience = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < patience:
        try:
            api.kill(container, signal)
        except APIError as error:
            if error.status_code != 409:
                raise
            # The container does not run. The engine may be about to start it anew, which the last line of this function prevents.
            break
        try:
            api.wait(container, timeout=_AGAIN_SECONDS)
        except (ReadTimeout, NoAnswer):
            continue
        break
    api.stop(container, timeout=0)
