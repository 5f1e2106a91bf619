"""`python -m api_gateway` serves HTTPS on 8443, and plain HTTP where it is told to."""

from __future__ import annotations

import os
import sys

import uvicorn

from api_gateway import PORT
from api_gateway.app import make_app
from api_gateway.bounded_head import BoundedHead
from api_gateway.context import Context
from api_gateway.listeners import listeners
from api_gateway.server import Server
from api_gateway.settings import GatewaySettings
from orders import logs
from orders.settings import SettingsError
from orders.telemetry import Telemetry

# Longer than any caller keeps an idle connection: the edge 60 s, the front end less than 120 s.
IDLE_SECONDS = 150
# Requests that are being answered when SIGTERM comes get this long.
LAST_REQUESTS_SECONDS = 25
BACKLOG = 4096


def main() -> int:
    logs.to_stderr()
    try:
        settings = GatewaySettings.from_environment(os.environ)
        telemetry = Telemetry.begin("api-gateway", settings.release, os.environ)
        context = Context.of(settings)
        sockets = listeners(PORT, settings.unserved_networks, BACKLOG)
        plain = listeners(settings.plain_port, settings.unserved_networks, BACKLOG) if settings.plain_port else []
    except (SettingsError, OSError) as error:
        print(f"api_gateway: {error}", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        make_app(context, telemetry),
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
        backlog=BACKLOG,
        http=BoundedHead,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
    )
    Server(config, plain).run(sockets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
