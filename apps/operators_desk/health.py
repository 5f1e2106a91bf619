"""The container's health check, `python -m operators_desk.health`: the process answers over TLS."""

from __future__ import annotations

import http.client
import os
import ssl
import sys

from operators_desk import PORT


def main() -> int:
    # The chain ends with the authority, so the file serves as the trust store, too.
    trust = ssl.create_default_context(cafile=os.environ["TLS_CERT_FILE"])
    connection = http.client.HTTPSConnection("localhost", PORT, timeout=3, context=trust)
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
