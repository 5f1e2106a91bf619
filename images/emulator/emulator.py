"""The cloud of one colour: moto's server, holding what the environment needs before it answers its first call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

from fresh_secrets import FreshSecrets
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from seed import Seed, plant
from werkzeug.serving import make_server

PORT = 4566
HEALTH_PATH = "/health"

StartResponse = Callable[..., Any]


class QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is not installed where this is checked
    """A line for each call would be a line for each order, twice."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Emulator:
    """moto, without its remote control: a stray reset would take the keys and queues of a running system away."""

    def __init__(self, secrets: FreshSecrets) -> None:
        self._secrets = secrets
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == HEALTH_PATH:
            return _answer(start_response, "200 OK", b'{"status": "healthy"}')
        if path.startswith("/moto-api"):
            return _answer(start_response, "403 Forbidden", b'{"message": "the remote control of moto is switched off"}')
        self._secrets.look()
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer


def _answer(start_response: StartResponse, status: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seed = Seed.from_environment(os.environ)
    plant(seed)
    # The socket opens here: whoever gets an answer finds everything in its place.
    server = make_server("0.0.0.0", PORT, Emulator(FreshSecrets(os.environ)), threaded=True, request_handler=QuietRequestHandler)
    print(f"cloud emulator of {seed.environment} {seed.colour}: listening on {PORT}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
