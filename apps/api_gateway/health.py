"""The container's health check, `python -m api_gateway.health`: the process answers over TLS."""

from __future__ import annotations

import os
import sys

from api_gateway import PORT
from orders import own_health


def main() -> int:
    return own_health.exit_code(PORT, os.environ["DB_CA_FILE"])


if __name__ == "__main__":
    sys.exit(main())
