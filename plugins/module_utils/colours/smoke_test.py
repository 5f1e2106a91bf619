"""Does one colour serve a customer from end to end? Asked through the edge, as a customer would ask."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer, HttpsClient

_NOT_MOVED = "traffic was not moved"
# One account per environment and password, so that verifications do not fill the table of customers.
_SMOKE_CUSTOMER = "smoke-test-{}@echobase.invalid"


def remedy_for(gateway: str, traffic_moved: bool) -> str:
    """`gateway` is the container whose log tells most about a failure."""
    moved = f"this run has moved traffic there already, and {playbook('rollback')} moves it back"
    return f"{moved if traffic_moved else _NOT_MOVED}; see `docker logs {gateway}`"


def smoke_customer(password: str) -> str:
    return _SMOKE_CUSTOMER.format(hashlib.sha256(f"smoke test: {password}".encode()).hexdigest()[:12])


@dataclass
class SmokeTest:
    client: HttpsClient
    colour: str
    release: str
    password: str
    # What a failure means for the traffic, and what to do.
    remedy: str = _NOT_MOVED
    deadline: float = 30
    passed: list[str] = field(default_factory=list)

    def read_only(self) -> None:
        """The page and the gateway answer as the expected colour and release, and the gateway says that it is ready."""
        page = self._expect("the page", self.client.request("GET", "/"), 200)
        if b'id="root"' not in page.body:
            raise self._failure("the page", "it does not hold the application")
        self._expect("readiness", self.client.request("GET", "/ready"), 200)

    def place_order(self) -> str:
        """A whole order: log in, order, order again with the same key, wait until it is processed. Returns the order's id."""
        token = self._login()
        order = {"item": "smoke test", "quantity": 1, "note": f"verification of {self.colour}"}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(16)}
        first = self._expect("placing an order", self.client.request("POST", "/api/orders", order, headers), 202)
        again = self._expect("repeating an order", self.client.request("POST", "/api/orders", order, headers), 202)
        identity = str(first.json().get("id", ""))
        if not identity or again.json().get("id") != identity:
            raise self._failure("repeating an order", "the same idempotency key gave another order")
        self._await_processed(identity, headers)
        return identity

    def _login(self) -> str:
        account = {"email": smoke_customer(self.password), "password": self.password}
        answer = self.client.request("POST", "/api/auth/login", account)
        if answer.status == 401:
            self._expect("registering", self.client.request("POST", "/api/auth/register", account), 201)
            answer = self.client.request("POST", "/api/auth/login", account)
        return str(self._expect("logging in", answer, 200).json()["token"])

    def _await_processed(self, identity: str, headers: dict[str, str]) -> None:
        for _look in looks(self.deadline):
            answer = self.client.request("GET", f"/api/orders/{identity}", headers=headers)
            status = str(self._expect("reading the order", answer, 200).json().get("status"))
            if status == "processed":
                self.passed.append("processing an order")
                return
            if status == "failed":
                break
        raise self._failure(
            "processing an order", f"order {identity} is '{status}' after {self.deadline:.0f} s; is the order processor working?"
        )

    def _expect(self, step: str, answer: Answer, status: int) -> Answer:
        if answer.status != status:
            problem: Any = answer.json()
            detail = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else ""
            raise self._failure(step, f"answered {answer.status} instead of {status}" + (f" ({detail})" if detail else ""))
        for header, expected in (("X-Echobase-Colour", self.colour), ("X-Echobase-Release", self.release)):
            if expected and answer.header(header) != expected:
                raise self._failure(step, f"{header} is '{answer.header(header)}' instead of '{expected}'")
        if step not in self.passed:
            self.passed.append(step)
        return answer

    def _failure(self, step: str, what: str) -> Refusal:
        return Refusal(f"smoke test of {self.colour} through port {self.client.port}: {step}: {what}", self.remedy)
