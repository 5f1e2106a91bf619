"""The real environment exporter as a process of this machine, on the files of an environment, asked over HTTPS."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.waiting import eventually

APPS = Path(__file__).resolve().parents[2] / "apps"


@dataclass
class ExporterUnderTest:
    client: httpx.Client
    environment: dict[str, str]

    def samples(self) -> dict[str, float]:
        answer = self.client.get("/metrics")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
        return {name.removeprefix("echobase_"): float(value) for name, _, value in lines}

    def is_healthy(self) -> bool:
        """As the container's health check asks."""
        command = [sys.executable, "-m", "environment_exporter.health"]
        return subprocess.run(command, env=self.environment, check=False).returncode == 0


@contextmanager
def environment_exporter(home: Path) -> Iterator[ExporterUnderTest]:
    port = _free_port()
    files = home / "tls" / "observability"
    environment = os.environ | {
        "PYTHONPATH": str(APPS),
        "ENVIRONMENT_FOLDER": str(home),
        "TLS_CERT_FILE": str(files / "tls.crt"),
        "TLS_KEY_FILE": str(files / "tls.key"),
        "LISTEN_ADDRESS": "127.0.0.1",
        "PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "environment_exporter"], env=environment)
    trust = ssl.create_default_context(cafile=str(home / "tls" / "ca.crt"))
    try:
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trust, timeout=10) as client:
            under_test = ExporterUnderTest(client, environment)
            eventually(lambda: process.poll() is None and _answers(client), "the exporter answers")
            yield under_test
    finally:
        process.terminate()
        process.wait(10)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
