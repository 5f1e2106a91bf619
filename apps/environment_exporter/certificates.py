"""Until when each certificate of the environment holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from environment_exporter.readings import Remembered, Unreadable
from orders.metrics_text import Labels, labels, metric


class Certificates:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Remembered[float]] = {}

    def lines(self, unreadable: Unreadable) -> Iterator[str]:
        expiry: dict[Labels, float] = {}
        for name, file in self._found().items():
            remembered = self._files.setdefault(name, Remembered(file, _expiry))
            moment = unreadable.of(f"tls/{file.relative_to(self._folder)}", remembered.read)
            if moment is not None:
                expiry[labels(certificate=name)] = moment
        yield from metric(
            "echobase_certificate_expiry_timestamp_seconds",
            "gauge",
            "When it stops being valid; `ca` is the authority.",
            expiry,
        )

    def _found(self) -> dict[str, Path]:
        found = {"ca": self._folder / "ca.crt"} if (self._folder / "ca.crt").exists() else {}
        return found | {file.parent.name: file for file in sorted(self._folder.glob("*/tls.crt"))}


def _expiry(content: bytes) -> float:
    """The first one of a file is its own; what follows is the authority, which counts for itself."""
    return x509.load_pem_x509_certificate(content).not_valid_after_utc.timestamp()
