"""The first message of a TLS handshake, offering whatever a test wants to offer, old and weak things too."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_PATIENCE = 20
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO = 2


@dataclass(frozen=True)
class TlsAnswer:
    """An alert's number, or the version and the cipher that the server chose; neither when it hung up at once."""

    alert: int | None = None
    version: int | None = None
    cipher: int | None = None
    compression: int | None = None


def offer(port: int, version: int, ciphers: Sequence[int]) -> TlsAnswer:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.sendall(client_hello(version, ciphers))
        return _read_answer(connection)


def client_hello(version: int, ciphers: Sequence[int]) -> bytes:
    server_name = b"localhost"
    extensions = b"".join(
        struct.pack("!HH", kind, len(content)) + content
        for kind, content in (
            (0, struct.pack("!HBH", len(server_name) + 3, 0, len(server_name)) + server_name),
            # Groups x25519 and P-256, uncompressed points, every signature from SHA-256 upwards and SHA-1.
            (10, struct.pack("!HHH", 4, 0x001D, 0x0017)),
            (11, b"\x01\x00"),
            (13, struct.pack("!H8H", 16, 0x0403, 0x0503, 0x0804, 0x0805, 0x0401, 0x0501, 0x0201, 0x0203)),
        )
    )
    body = struct.pack("!H", version) + os.urandom(32) + b"\x00"
    body += struct.pack(f"!H{len(ciphers)}H", 2 * len(ciphers), *ciphers)
    # Compression with deflate is offered, too.
    body += b"\x02\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return struct.pack("!BHH", _HANDSHAKE, min(version, 0x0301), len(handshake)) + handshake


def _read_answer(connection: socket.socket) -> TlsAnswer:
    kind, _, length = struct.unpack("!BHH", _read(connection, 5) or b"\x00" * 5)
    content = _read(connection, length)
    if kind == _ALERT:
        return TlsAnswer(alert=content[1])
    if kind != _HANDSHAKE or content[0] != _SERVER_HELLO:
        return TlsAnswer()
    (version,) = struct.unpack_from("!H", content, 4)
    after_session = 39 + content[38]
    cipher, compression = struct.unpack_from("!HB", content, after_session)
    return TlsAnswer(version=version, cipher=cipher, compression=compression)


def _read(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        try:
            piece = connection.recv(length - len(content))
        except ConnectionResetError:
            piece = b""
        if not piece:
            return b""
        content += piece
    return content
