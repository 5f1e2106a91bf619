"""`python -m orders.smoke_test` asks an order system as a customer does: does it serve from end to end?

What it asks and whom, variables say (docs/reference/x-echobase.md). Its last line is a JSON object, or what went wrong.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from orders.settings import SettingsError, Variables

# One account per environment and password, so that verifications do not fill the table of customers.
_SMOKE_CUSTOMER = "smoke-test-{}@echobase.invalid"
_SECONDS_BETWEEN_LOOKS = 0.2
_PATIENCE_SECONDS = 30.0
_TIMEOUT = 10


class SmokeError(Exception):
    """The order system does not serve; the text says in which step, and what it did instead."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Shop(Protocol):
    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer: ...


@dataclass(frozen=True)
class HttpsShop:
    url: str
    ca_file: str
    # Sent with each request.
    cookie: str = ""

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent = {**({"Cookie": self.cookie} if self.cookie else {}), **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        place = urlsplit(self.url)
        trust = ssl.create_default_context(cafile=self.ca_file)
        connection = http.client.HTTPSConnection(place.hostname or "", place.port or 443, timeout=_TIMEOUT, context=trust)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise SmokeError(f"{method} {self.url}{path} got no answer ({str(error) or type(error).__name__})") from error
        finally:
            connection.close()


def smoke_customer(password: str) -> str:
    return _SMOKE_CUSTOMER.format(hashlib.sha256(f"smoke test: {password}".encode()).hexdigest()[:12])


@dataclass
class SmokeTest:
    shop: Shop
    # Empty accepts any.
    colour: str
    release: str
    password: str
    deadline: float = _PATIENCE_SECONDS
    passed: list[str] = field(default_factory=list)

    def read_only(self) -> None:
        """The page and the gateway answer as the expected colour and release, and the gateway says that it is ready."""
        page = self._expect("the page", self.shop.request("GET", "/"), 200)
        if b'id="root"' not in page.body:
            raise SmokeError("the page: it does not hold the application")
        self._expect("readiness", self.shop.request("GET", "/ready"), 200)

    def place_order(self) -> str:
        """A whole order: log in, order, order again with the same key, wait until it is processed. Returns the order's id."""
        token = self._login()
        order = {"item": "smoke test", "quantity": 1, "note": f"verification of {self.colour}"}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(16)}
        first = self._expect("placing an order", self.shop.request("POST", "/api/orders", order, headers), 202)
        again = self._expect("repeating an order", self.shop.request("POST", "/api/orders", order, headers), 202)
        identity = str(first.json().get("id", ""))
        if not identity or again.json().get("id") != identity:
            raise SmokeError("repeating an order: the same idempotency key gave another order")
        self._await_processed(identity, headers)
        return identity

    def _login(self) -> str:
        account = {"email": smoke_customer(self.password), "password": self.password}
        answer = self.shop.request("POST", "/api/auth/login", account)
        if answer.status == 401:
            self._expect("registering", self.shop.request("POST", "/api/auth/register", account), 201)
            answer = self.shop.request("POST", "/api/auth/login", account)
        return str(self._expect("logging in", answer, 200).json()["token"])

    def _await_processed(self, identity: str, headers: dict[str, str]) -> None:
        end = time.monotonic() + self.deadline
        while True:
            answer = self.shop.request("GET", f"/api/orders/{identity}", headers=headers)
            status = str(self._expect("reading the order", answer, 200).json().get("status"))
            if status == "processed":
                self.passed.append("processing an order")
                return
            if status == "failed" or time.monotonic() > end:
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        raise SmokeError(
            f"processing an order: order {identity} is '{status}' after {self.deadline:.0f} s; is the order processor working?"
        )

    def _expect(self, step: str, answer: Answer, status: int) -> Answer:
        if answer.status != status:
            problem: Any = answer.json()
            detail = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else ""
            raise SmokeError(f"{step}: answered {answer.status} instead of {status}" + (f" ({detail})" if detail else ""))
        for header, expected in (("X-Echobase-Colour", self.colour), ("X-Echobase-Release", self.release)):
            if expected and answer.headers.get(header.lower(), "") != expected:
                raise SmokeError(f"{step}: {header} is '{answer.headers.get(header.lower(), '')}' instead of '{expected}'")
        if step not in self.passed:
            self.passed.append(step)
        return answer


def main() -> int:
    variables = Variables(os.environ)
    try:
        shop = HttpsShop(variables.text("ECHOBASE_URL"), variables.text("ECHOBASE_CA_FILE"), os.environ.get("ECHOBASE_COOKIE", ""))
        password = variables.path("ECHOBASE_SMOKE_PASSWORD_FILE").read_text(encoding="utf-8").strip()
        test = SmokeTest(shop, os.environ.get("ECHOBASE_COLOUR", ""), os.environ.get("ECHOBASE_RELEASE", ""), password)
        test.read_only()
        order = {"order": test.place_order()} if variables.choice("ECHOBASE_SMOKE_DEPTH", ["read", "write"]) == "write" else {}
    except (SettingsError, SmokeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"passed": test.passed, **order}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
