"""The server: one application behind TLS and, where asked, without it."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import httpx
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api_gateway.server import Server
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await PlainTextResponse(f"{scope['scheme']} {scope['path']}")(scope, receive, send)


def test_the_same_is_answered_with_and_without_tls_and_ends_together(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", [])
    leaf = tmp_path / "tls" / "edge"
    tls, plain = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, ssl_certfile=leaf / "tls.crt", ssl_keyfile=leaf / "tls.key", lifespan="off", log_config=None)
    server = Server(config, [plain])
    thread = threading.Thread(target=server.run, args=([tls],))
    thread.start()
    eventually(lambda: server.started, "the server serves")
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.crt")
    with httpx.Client(verify=trust) as client:
        port, plain_port = tls.getsockname()[1], plain.getsockname()[1]
        assert client.get(f"https://localhost:{port}/health").text == "https /health"
        assert client.get(f"http://localhost:{plain_port}/health").text == "http /health"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", plain_port)) != 0
