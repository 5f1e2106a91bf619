"""The container's health check, `python -m operators_desk.health`: the process answers over TLS."""

from __future__ import annotations

import os
import sys

from operators_desk import PORT
from orders import own_health


def main() -> int:
    # The chain ends with the authority, so the file serves as the trust store, too.
    return own_health.exit_code(PORT, os.environ["TLS_CERT_FILE"])


if __name__ == "__main__":
    sys.exit(main())
