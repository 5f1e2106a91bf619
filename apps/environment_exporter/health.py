"""The container's health check, `python -m environment_exporter.health [SECONDS]`: the process answers over TLS."""

from __future__ import annotations

import os
import sys

from environment_exporter.settings import ExporterSettings
from orders import health_watch
from orders.own_health import tls_look


def main() -> int:
    settings = ExporterSettings.from_environment(os.environ)
    # The chain ends with the authority, so the file serves as the trust store, too.
    return health_watch.main(tls_look(settings.port, settings.tls_cert_file), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
