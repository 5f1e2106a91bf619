"""What a container's health check asks: does the process in it answer over TLS?"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from pathlib import Path


def tls_look(port: int, trusted_file: str | Path) -> Callable[[], str]:
    """Gives a question whose answer says what keeps the process from answering, if anything does. Each time it connects anew."""
    trust = ssl.create_default_context(cafile=trusted_file)

    def look() -> str:
        connection = http.client.HTTPSConnection("localhost", port, timeout=3, context=trust)
        try:
            connection.request("GET", "/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        return "" if status == 200 else f"/health answers {status}"

    return look
