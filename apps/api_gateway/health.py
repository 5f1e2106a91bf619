"""The container's health check, `python -m api_gateway.health [SECONDS]`: the process answers over TLS."""

from __future__ import annotations

import os
import sys

from api_gateway import PORT
from orders import health_watch
from orders.own_health import tls_look


def main() -> int:
    return health_watch.main(tls_look(PORT, os.environ["TLS_CERT_FILE"]), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
