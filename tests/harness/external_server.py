"""A database server that somebody else runs: with an authority of its own, at an address of this machine that containers reach, too.

It is made as a durable database of an environment is, since that is a server with TLS and two accounts; nothing of ours is told so.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker

from harness.durable_server import DurableServer, durable_server


class TcpRelay:
    """Passes bytes on to a port of this machine's loopback address, from an address that containers reach."""

    def __init__(self, address: str, port: int) -> None:
        self.target = port
        self._listening = socket.create_server((address, 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        # While it is away, whoever connects is hung up on.
        self.away = False
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection, as a server that fails does."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.away = True
        self._listening.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.away:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pass, args=(source, sink), daemon=True).start()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class ExternalServer:
    def __init__(self, server: DurableServer, relay: TcpRelay, address: str) -> None:
        self.server = server
        self.relay = relay
        self.engine = server.engine
        self.host = server.names.container
        self.address = address

    @property
    def authority(self) -> str:
        return Path(self.server.env.path("tls", "ca.crt")).read_text(encoding="utf-8")

    def wishes(self, **changes: Any) -> dict[str, Any]:
        """What an inventory says of it in echobase_external_database, without authority and passwords."""
        wishes = {
            "host": self.host,
            "address": self.address,
            "port": self.relay.port,
            "name": self.server.env.database,
            "users": {"app": {"name": "app_user"}, "migrate": {"name": "migrate_user"}},
        }
        return wishes | changes

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The same as options of module external_database."""
        arguments = {
            "engine": self.engine,
            "external": self.wishes(),
            "authority": self.authority,
            "app_password": self.server.password("app_user"),
            "migrate_password": self.server.password("migrate_user"),
        }
        return arguments | changes

    def tables(self) -> set[str]:
        listed = {
            "mariadb": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
            "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        }
        return {row[0] for row in self.server.root(listed[self.engine])}


@contextmanager
def external_server(engine: str, home: Path, name: str, number: int) -> Iterator[ExternalServer]:
    with durable_server(engine, home, name, number) as server:
        server.ensure()
        # The address that this machine has on the engine's default network: every container reaches it.
        [default] = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"]
        address = str(default.get("Gateway") or next(IPv4Network(default["Subnet"]).hosts()))
        relay = TcpRelay(address, server.names.port)
        try:
            yield ExternalServer(server, relay, address)
        finally:
            relay.close()
