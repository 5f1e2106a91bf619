"""The container's health check, `python -m environment_exporter.health`: the process answers over TLS."""

from __future__ import annotations

import http.client
import os
import ssl
import sys

from environment_exporter.settings import ExporterSettings


def main() -> int:
    settings = ExporterSettings.from_environment(os.environ)
    # The chain ends with the authority, so the file serves as the trust store, too.
    trust = ssl.create_default_context(cafile=settings.tls_cert_file)
    connection = http.client.HTTPSConnection("localhost", settings.port, timeout=3, context=trust)
    try:
        connection.request("GET", "/health")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
