from __future__ import annotations

import os
import socket

from ansible_collections.echobase.platform.plugins.module_utils.host.tcp_sockets import (
    ESTABLISHED,
    LISTENING,
    connections_to,
    open_in,
    sockets,
)


def inode(of: socket.socket) -> str:
    return str(os.fstat(of.fileno()).st_ino)


def test_listening_and_connected_sockets_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            port = server.getsockname()[1]
            assert sockets({port}, LISTENING) == {inode(server)}
            # The far end has another port, so it is none of ours.
            assert sockets({port}, ESTABLISHED) == {inode(accepted)}
            assert sockets({port + 1}, LISTENING) & {inode(server)} == set()


def test_a_process_has_its_sockets_open_and_one_that_is_gone_has_none() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert inode(server) in open_in([str(os.getpid())])
        assert inode(server) in sockets({server.getsockname()[1]}, LISTENING)
        closed = inode(server)
    assert closed not in open_in([str(os.getpid())])
    assert open_in(["999999999"]) == set()


def test_connections_to_a_place_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connections_to("127.0.0.1", port) == 0
        with socket.create_connection(server.getsockname()), socket.create_connection(server.getsockname()):
            assert connections_to("127.0.0.1", port) == 2
            assert connections_to("127.0.0.2", port) == 0
