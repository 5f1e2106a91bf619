"""`python -m environment_exporter` serves HTTPS on 9469."""

from __future__ import annotations

import os
import signal
import ssl
import sys

from environment_exporter.server import MetricsServer
from environment_exporter.settings import ExporterSettings
from environment_exporter.state import EnvironmentState
from operators_desk.certificate_renewal import CertificateRenewal
from orders import logs
from orders.settings import SettingsError


def main() -> int:
    # The first process of a container gets no signal but those that it asks for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.to_stderr()
    try:
        settings = ExporterSettings.from_environment(os.environ)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        files = (settings.tls_cert_file, settings.tls_key_file)
        context.load_cert_chain(*files)
        state = EnvironmentState(settings.folder)
        # A long ledger is read before anybody waits for it.
        state.render()
        server = MetricsServer((settings.listen_address, settings.port), context, CertificateRenewal(context, *files), state.render)
    except (SettingsError, OSError) as error:
        print(f"environment_exporter: {error}", file=sys.stderr)
        return 1
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
