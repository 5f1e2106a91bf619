"""A renewed certificate is taken up while we run: each new connection gets the newest one."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

log = logging.getLogger("operators_desk")


class CertificateRenewal:
    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context = context
        self._files = (certificate, key)
        self._loaded = self._versions()

    def look(self) -> None:
        try:
            found = self._versions()
            if found == self._loaded:
                return
            self._context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            # Key and certificate are replaced one after the other; the next look finds both.
            log.warning("the renewed certificate is not whole yet: %s", error)
            return
        self._loaded = found
        log.info("the renewed certificate is in use")

    def _versions(self) -> list[tuple[int, int]]:
        return [(found.st_ino, found.st_mtime_ns) for found in (file.stat() for file in self._files)]
