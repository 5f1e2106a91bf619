"""`python -m operators_desk` serves HTTPS on 8443."""

from __future__ import annotations

import os
import ssl
import sys

import uvicorn

from api_gateway.server import Server
from operators_desk import PORT
from operators_desk.app import make_app
from operators_desk.certificate_renewal import CertificateRenewal
from operators_desk.context import Context
from operators_desk.settings import DeskSettings
from orders import logs
from orders.settings import SettingsError

# Longer than the edge keeps an idle connection, which is 60 s.
IDLE_SECONDS = 150
# uvicorn ticks ten times a second.
_TICKS_BETWEEN_LOOKS = 50


class DeskServer(Server):
    def __init__(self, config: uvicorn.Config, renewal: CertificateRenewal) -> None:
        super().__init__(config)
        self._renewal = renewal

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            self._renewal.look()
        return await super().on_tick(counter)


def main() -> int:
    logs.to_stderr()
    try:
        settings = DeskSettings.from_environment(os.environ)
        context = Context.of(settings)
    except (SettingsError, OSError) as error:
        print(f"operators_desk: {error}", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        make_app(context),
        host=settings.listen_address,
        port=PORT,
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=5,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
    )
    config.load()
    assert isinstance(config.ssl, ssl.SSLContext)
    DeskServer(config, CertificateRenewal(config.ssl, settings.tls_cert_file, settings.tls_key_file)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
