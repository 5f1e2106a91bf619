"""The cloud of one colour: moto's server, holding what the environment needs before it answers its first call."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import callers
from fresh_secrets import FreshSecrets
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from seed import SECRETS, Seed, plant
from signatures import Credentials, SignatureCheck, Unsigned
from werkzeug.serving import make_server

PORT = 4566
HEALTH_PATH = "/health"
# So much is read of a body that nobody will look at: its sender then reads the answer instead of a broken connection.
UNREAD_BYTES = 65536

StartResponse = Callable[..., Any]


class QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is not installed where this is checked
    """A request handler that logs nothing: a line for each call would be two lines for each order."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Emulator:
    """Serves moto to who has the environment's credentials, without its remote control: a stray reset would take keys and queues away."""

    def __init__(self, signatures: SignatureCheck, secrets: FreshSecrets) -> None:
        self._signatures = signatures
        self._secrets = secrets
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == HEALTH_PATH:
            return _answer(start_response, "200 OK", b'{"status": "healthy"}')
        if path.startswith("/moto-api"):
            return _answer(start_response, "403 Forbidden", b'{"message": "the remote control of moto is switched off"}')
        try:
            self._signatures.prove(environ)
        except Unsigned as problem:
            return _refuse(environ, start_response, problem)
        self._secrets.look()
        callers.connection.set(environ.get("werkzeug.socket"))
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer


def _refuse(environ: dict[str, Any], start_response: StartResponse, problem: Unsigned) -> Iterable[bytes]:
    length = environ.get("CONTENT_LENGTH") or "0"
    environ["wsgi.input"].read(min(int(length), UNREAD_BYTES) if length.isdecimal() else 0)
    return _answer(start_response, "403 Forbidden", json.dumps({"__type": problem.code, "message": str(problem)}).encode())


def _answer(start_response: StartResponse, status: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seed = Seed.from_environment(os.environ)
    try:
        credentials = Credentials.of(SECRETS / "cloud_credentials")
    except FileNotFoundError as error:
        sys.exit(f"cloud emulator: {error.filename} is missing - run playbooks/setup.yml, which makes what is new, then deploy again")
    plant(seed)
    # The socket opens only here, so that whoever gets an answer finds everything in its place.
    emulator = Emulator(SignatureCheck(credentials), FreshSecrets(os.environ))
    server = make_server("0.0.0.0", PORT, emulator, threaded=True, request_handler=QuietRequestHandler)
    print(f"cloud emulator of {seed.environment} {seed.colour}: listening on {PORT}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
