"""The real operators' desk as a process of this machine, at the address where the edge looks for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import bcrypt
import httpx

from harness.edge_under_test import EdgeUnderTest, order_system_at
from harness.waiting import eventually
from operators_desk import PORT

APPS = Path(__file__).resolve().parents[2] / "apps"
OPERATOR, PASSWORD = "operator", "correct horse"
COLLEAGUE, COLLEAGUES_PASSWORD = "colleague", "battery staple"
# One for each test that guesses, since failures are counted by account, too.
GUESSED = ("anna", "bert", "carl", "dora", "ella")
ACCOUNTS = {OPERATOR: PASSWORD, COLLEAGUE: COLLEAGUES_PASSWORD} | dict.fromkeys(GUESSED, PASSWORD)
PREVIEW_KEY = "a preview key of the tests"
METRICS_PASSWORD = "of the scraper alone"
# No flood of bcrypt in the tests.
_COST = 4


@dataclass
class DeskUnderTest:
    facts: Mapping[str, Any]
    # What the process is told beside the usual.
    extra: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return Path(self.facts["home"])

    @property
    def secrets(self) -> Path:
        return self.home / "secrets" / "desk"

    @property
    def log(self) -> str:
        return (self.home / "desk.log").read_text()

    def write_accounts(self, accounts: Mapping[str, str]) -> None:
        lines = [f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()}" for name, password in accounts.items()]
        (self.secrets / "operators.htpasswd").write_text("\n".join(lines) + "\n")

    def prepare(self) -> None:
        for folder in (self.secrets, self.home / "desk", self.home / "edge-log"):
            folder.mkdir(parents=True, exist_ok=True)
        self.write_accounts(ACCOUNTS)
        (self.secrets / "desk_key").write_text("a desk key of the tests\n")
        (self.secrets / "metrics_password").write_text(METRICS_PASSWORD)
        (self.secrets / "preview_key").write_text(f"{PREVIEW_KEY}\n")

    def start(self, **extra: str) -> None:
        variables = {
            "ECHOBASE_ENV": str(self.facts["name"]),
            "OPERATOR_COOKIE": str(self.facts["operator_cookie"]),
            "PREVIEW_COOKIE": str(self.facts["preview_cookie"]),
            "OPERATORS_PORT": str(self.facts["operators_port"]),
            "TOOLS": " ".join(self.facts["tools"]),
            "ROUTES": " ".join(route["prefix"] for route in order_system_at(self.facts)["routes"]),
            "SECRETS_FOLDER": str(self.secrets),
            "DATA_FOLDER": str(self.home / "desk"),
            "EDGE_LOG_FILE": str(self.home / "edge-log" / "access.log"),
            "TLS_CERT_FILE": str(self.home / "tls" / "desk" / "tls.crt"),
            "TLS_KEY_FILE": str(self.home / "tls" / "desk" / "tls.key"),
            "LISTEN_ADDRESS": str(self.facts["desk_address"]),
            "TRUSTED_PROXIES": "127.0.0.1/32",
            "PYTHONPATH": str(APPS),
            "PATH": os.environ["PATH"],
        }
        with (self.home / "desk.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "operators_desk"],
                env=variables | self.extra | extra,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        process = self._process
        eventually(lambda: self._answers() or process.poll() is not None, lambda: self.log, 30)
        assert process.poll() is None, self.log

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)
        self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"https://{self.facts['desk_address']}:{PORT}/health", verify=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class Visitor:
    """A browser, as far as a login goes. Each has an address of its own, since guessing is counted by address."""

    client: httpx.Client

    def form(self, path: str = "/login") -> dict[str, str]:
        return hidden_fields(self.client.get(path).text)

    def log_in(self, name: str = OPERATOR, password: str = PASSWORD, path: str = "/login", **headers: str) -> httpx.Response:
        return self.client.post("/login", data=self.form(path) | {"name": name, "password": password}, headers=headers)

    def log_out(self) -> httpx.Response:
        return self.client.post("/logout", data=self.form())


def hidden_fields(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)}


@contextmanager
def visitor(edge: EdgeUnderTest, address: str, port: int = 0) -> Iterator[Visitor]:
    transport = httpx.HTTPTransport(local_address=address, verify=edge.tls_context())
    with httpx.Client(base_url=f"https://localhost:{port or edge.operators_port}", transport=transport) as client:
        yield Visitor(client)


@contextmanager
def running_desk(facts: Mapping[str, Any], **extra: str) -> Iterator[DeskUnderTest]:
    """Runs the desk. It needs the edge's certificates, and its address must be this machine's, as that of network prefix 127.x is."""
    desk = DeskUnderTest(facts, extra)
    desk.prepare()
    desk.start()
    try:
        yield desk
    finally:
        desk.stop()
