"""The container's health check, `python -m environment_exporter.health`: the process answers over TLS."""

from __future__ import annotations

import os
import sys

from environment_exporter.settings import ExporterSettings
from orders import own_health


def main() -> int:
    settings = ExporterSettings.from_environment(os.environ)
    # The chain ends with the authority, so the file serves as the trust store, too.
    return own_health.exit_code(settings.port, settings.tls_cert_file)


if __name__ == "__main__":
    sys.exit(main())
