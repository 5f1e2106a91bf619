"""Does a colour answer its customers? Asked through the edge, as a customer would ask, for what every application has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Settings
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer, HttpsClient

_FAILURES = range(500, 600)


def paths_to_ask(settings: Settings | None) -> tuple[str, list[str]]:
    """A page that has to answer somehow, and those that have to say that their service is ready.

    Customers reach a service's own path only where a route leads there.
    """
    if settings is None:
        return "/", []
    open_routes = [route for route in settings.routes if not route.operators] or list(settings.routes)
    page = min((route.prefix for route in open_routes), key=len)
    return page, [path for service, path in settings.ready.items() if _service_at(settings, path) == service]


def _service_at(settings: Settings, path: str) -> str:
    """The service that the longest prefix leads to; empty for one that only operators reach, or nobody."""
    fitting = [route for route in settings.routes if (path.partition("?")[0] + "/").startswith(route.prefix.rstrip("/") + "/")]
    longest = max(fitting, key=lambda route: len(route.prefix), default=None)
    return "" if longest is None or longest.operators else longest.service


@dataclass
class Entrance:
    client: HttpsClient
    colour: str
    # Empty accepts any.
    release: str
    remedy: str
    passed: list[str] = field(default_factory=list)

    def ask(self, page: str, ready: Sequence[str]) -> None:
        self._expect("the page", page, self.client.request("GET", page), range(100, 500))
        for path in ready:
            self._expect("readiness", path, self.client.request("GET", path), range(200, 300))

    def _expect(self, step: str, path: str, answer: Answer, good: range) -> None:
        if answer.status not in good:
            told = answer.json()
            detail = told.get("detail") or told.get("title") if isinstance(told, dict) else ""
            raise self._failure(step, f"{path} answered {answer.status}" + (f" ({detail})" if detail else ""))
        # An application need not say who it is; one that says so has to be the right one.
        for header, expected in (("X-Echobase-Colour", self.colour), ("X-Echobase-Release", self.release)):
            told = answer.header(header)
            if expected and told and told != expected:
                raise self._failure(step, f"{header} is '{told}' instead of '{expected}'")
        if step not in self.passed:
            self.passed.append(step)

    def _failure(self, step: str, what: str) -> Refusal:
        return Refusal(f"smoke test of {self.colour} through port {self.client.port}: {step}: {what}", self.remedy)
