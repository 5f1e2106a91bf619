"""The connection to the cache, against a server on loopback that answers what a test says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.cache.connection import (
    AccessDeniedError,
    CacheConnection,
    CertificateRejectedError,
    NotAnsweringError,
)
from harness.throwaway_tls import make_certificates

Connect = Callable[[bytes], CacheConnection]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    make_certificates(tmp_path / "tls", ["redis.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls" / "redis" / "tls.crt", tmp_path / "tls" / "redis" / "tls.key")
    password = tmp_path / "password"
    password.write_text("secret")

    def serve(listener: socket.socket, answers: bytes) -> None:
        client, _address = listener.accept()
        try:
            with context.wrap_socket(client, server_side=True) as tls:
                tls.recv(1000)
                tls.sendall(answers)
                # It stays until the client leaves, unless it has nothing to say.
                while answers and tls.recv(1000):
                    pass
        except OSError:
            # The client did not like the certificate.
            client.close()

    def connection(answers: bytes) -> CacheConnection:
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listener, answers), daemon=True).start()
        return CacheConnection("127.0.0.1", listener.getsockname()[1], "app_user", password, tmp_path / "tls" / "ca.crt")

    return connection


def test_every_kind_of_answer_is_understood(connect: Connect) -> None:
    answers = ["+OK", "+PONG", ":7", "$6", "a\r\nbé", "$-1", "*2", "$1", "x", "*1", ":1", "*-1"]
    with connect("".join(f"{answer}\r\n" for answer in answers).encode()) as one:
        assert [one.ask("X") for _each in range(6)] == ["PONG", 7, "a\r\nbé", None, ["x", [1]], None]
        assert one.tls_version.startswith("TLSv1.")
        assert one.certificate


def test_what_the_server_tells_of_itself_is_read_by_name(connect: Connect) -> None:
    told = b"# Server\r\nredis_version:8.0.2\r\nexecutable:/a:b\r\n"
    with connect(b"+OK\r\n$%d\r\n%s\r\n" % (len(told), told)) as one:
        assert one.info() == {"redis_version": "8.0.2", "executable": "/a:b"}


@pytest.mark.parametrize(
    ("answers", "error", "told"),
    [
        (b"-WRONGPASS invalid\r\n", AccessDeniedError, "WRONGPASS invalid"),
        (b"-NOPERM no\r\n", AccessDeniedError, "NOPERM no"),
        (b"-LOADING Redis is loading\r\n", NotAnsweringError, "LOADING"),
        (b"", NotAnsweringError, "it closed the connection"),
    ],
)
def test_what_goes_wrong_says_whether_waiting_helps(connect: Connect, answers: bytes, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told), connect(answers):
        pass


def test_another_authoritys_certificate_is_rejected(connect: Connect, tmp_path: Path) -> None:
    one = connect(b"+OK\r\n")
    make_certificates(tmp_path / "other", [])
    one.authority_file = tmp_path / "other" / "ca.crt"
    with pytest.raises(CertificateRejectedError, match="its certificate is not accepted"), one:
        pass


def test_a_missing_file_and_a_closed_port_are_named(connect: Connect, tmp_path: Path) -> None:
    one = connect(b"")
    with socket.create_server(("127.0.0.1", 0)) as free:
        one.port = free.getsockname()[1]
    with pytest.raises(NotAnsweringError, match=f"port {one.port}: "), one:
        pass
    one.password_file = tmp_path / "gone"
    with pytest.raises(AccessDeniedError, match="gone does not exist"), one:
        pass
