"""Where a container finds the host: an engine that never ran before does not name its bridge, and it is found all the same."""

from __future__ import annotations

import subprocess

import docker

from harness.s3_under_test import address_of_bridge


def test_the_hosts_address_on_the_default_bridge_is_found() -> None:
    addresses = subprocess.check_output(["ip", "-4", "-oneline", "address", "show", "dev", "docker0"], text=True)
    assert f" {address_of_bridge(docker.from_env())}/" in addresses
