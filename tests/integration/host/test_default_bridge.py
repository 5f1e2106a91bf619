"""Where a container finds the host: an engine that never ran before does not name its bridge, and it is found all the same."""

from __future__ import annotations

import socket

import docker

from harness.s3_under_test import address_of_bridge


def test_the_hosts_address_on_the_default_bridge_is_found() -> None:
    # Only one of this machine's own addresses can be listened on.
    with socket.create_server((address_of_bridge(docker.from_env()), 0)) as server:
        assert server.getsockname()[1] > 0
