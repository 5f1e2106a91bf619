"""What has to be shown before a colour counts as proved: it answers, it is ready, and its own smoke job passes where it has one."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Settings
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed, StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import endpoints_of, unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.colours.entrance import Entrance, paths_to_ask
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth
from ansible_collections.echobase.platform.plugins.module_utils.colours.preview import preview_token
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_job import JOB, SmokeJob
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour, Environment, local_url
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient

# What was shown: the application's own job passed, or there is none and its services say that they are ready.
SMOKE, READINESS = "smoke", "readiness"


@dataclass(frozen=True)
class Proof:
    env: Environment
    colour: Colour
    # Empty accepts any.
    release: str
    # The key of the preview; empty asks at the public entrance, where any customer asks.
    preview_key: str
    traffic_moved: bool

    def run(self, depth: str, check: bool) -> Outcome:
        deployed = StoredDefinitions(self.env).of(self.colour.name)
        settings = deployed.definition.settings if deployed else None
        remedy = remedy_for(self.colour, settings, self.traffic_moved)
        entrance = Entrance(self._client(), self.colour.name, self.release, remedy)
        entrance.ask(*paths_to_ask(settings))
        if deployed is None:
            return Outcome(
                False, facts={"proof": READINESS, "passed": entrance.passed, "told": {}}, warnings=[unknown_origin(self.colour.name)]
            )
        if JOB not in deployed.definition.settings.jobs:
            self._refuse_unready(deployed.definition, remedy)
            return Outcome(False, facts={"proof": READINESS, "passed": [*entrance.passed, "readiness of each service"], "told": {}})
        told = self._job(deployed).run("read" if check else depth, remedy)
        passed = [*entrance.passed, *(step for step in map(str, told.pop("passed", ["the smoke job"])) if step not in entrance.passed)]
        return Outcome(changed=depth == "write", facts={"proof": SMOKE, "passed": passed, "told": told})

    @property
    def _port(self) -> int:
        return self.env.operators_port if self.preview_key else self.env.edge_port

    @property
    def _cookie(self) -> str:
        """It travels in a cookie, since the Authorization header belongs to the application's own customers."""
        if not self.preview_key:
            return ""
        return f"{self.env.preview_cookie}={preview_token(self.env, self.colour.name, self.preview_key)}"

    def _client(self) -> HttpsClient:
        headers = {"Cookie": cookie} if (cookie := self._cookie) else {}
        return HttpsClient("127.0.0.1", self._port, self.env.path("tls", "ca.crt"), headers, tls_name="localhost")

    def _job(self, deployed: Deployed) -> SmokeJob:
        return SmokeJob(self.env, deployed, self.colour.name, local_url(self._port), self._cookie, self.release)

    def _refuse_unready(self, definition: Definition, remedy: str) -> None:
        health = ColourHealth(endpoints_of(self.colour, definition), self.colour.tls_name, self.env.path("tls", "ca.crt"), timeout=10)
        problems = [f"{probe.url} {probe.problem}" for probe in health.readiness() if probe.problem]
        if problems:
            raise Refusal(f"{self.colour.name} is not ready: {'; '.join(problems)}", remedy)


def remedy_for(colour: Colour, settings: Settings | None, traffic_moved: bool) -> str:
    """What a failure means for the traffic, and where to look."""
    moved = "traffic was not moved"
    if traffic_moved:
        moved = f"this run has moved traffic there already, and {playbook('rollback')} moves it back"
    if settings is None:
        return f"{moved}; see {playbook('status')}"
    # Of a page and a program behind it, the program tells more.
    route = next((route for route in settings.routes if not route.pages), settings.routes[0])
    return f"{moved}; see `docker logs {colour.container(route.service)}`"
