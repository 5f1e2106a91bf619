from __future__ import annotations

import os
import socket

from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import port_holder


def test_a_listening_process_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert f"process {os.getpid()} (" in str(port_holder(server.getsockname()[1]))


def test_one_that_listens_on_ipv6_too() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        assert f"process {os.getpid()} (" in str(port_holder(server.getsockname()[1]))


def test_a_free_port_has_no_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert port_holder(port) is None
