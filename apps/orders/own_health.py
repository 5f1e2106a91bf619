"""What a container's health check asks: does the process in it answer over TLS?"""

from __future__ import annotations

import http.client
import ssl
import sys
from pathlib import Path


def exit_code(port: int, trusted_file: str | Path) -> int:
    """0 if it does; otherwise 1, and what kept it from answering is told."""
    trust = ssl.create_default_context(cafile=trusted_file)
    connection = http.client.HTTPSConnection("localhost", port, timeout=3, context=trust)
    try:
        connection.request("GET", "/health")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()
