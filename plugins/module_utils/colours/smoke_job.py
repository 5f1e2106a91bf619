"""The application's own proof that it works: its job `smoke`, which asks as a customer does, from this machine's network.

What it is told and what it answers: docs/reference/x-echobase.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.job_service import HOST_NETWORK, SERVICE, job_project, place_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, AUTHORITY_FILE, ROOT
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

JOB = "smoke"
DEPTHS = ("read", "write")
_PASSWORD_FILE = "/run/smoke/password"
_LONGEST_SECONDS = 300


@dataclass(frozen=True)
class SmokeJob:
    env: Environment
    deployed: Deployed
    # The colour that has to answer.
    colour: str
    url: str
    # What lets it in at the operators' entrance, `name=value`; empty at the public one.
    cookie: str = ""
    # The release that has to answer; empty accepts any.
    release: str = ""

    def run(self, depth: str, remedy: str) -> dict[str, Any]:
        """What it says of itself in its last line, where that is JSON. A failure is a Refusal with its own last words."""
        place = place_of(self.env, self.deployed)
        # It is a customer: it knows no database.
        place = replace(place, database=None, migrator=None, colour=replace(place.colour, project=f"echobase-{self.env.name}-smoke"))
        text = job_project(
            self.deployed,
            place,
            JOB,
            HOST_NETWORK,
            variables=self._variables(depth),
            mounts={_PASSWORD_FILE: self._password_file()},
        )
        ended = OneOff(place.colour.project, text, seconds=_LONGEST_SECONDS).run(SERVICE)
        if ended.code != 0:
            raise Refusal(f"smoke test of {self.colour} at {self.url}: {ended.reason}", remedy)
        return ended.told

    def _variables(self, depth: str) -> Mapping[str, str]:
        return {
            "ECHOBASE_URL": self.url,
            "ECHOBASE_COOKIE": self.cookie,
            "ECHOBASE_COLOUR": self.colour,
            "ECHOBASE_RELEASE": self.release,
            "ECHOBASE_CA_FILE": AUTHORITY_FILE,
            "ECHOBASE_SMOKE_PASSWORD_FILE": _PASSWORD_FILE,
            "ECHOBASE_SMOKE_DEPTH": depth,
        }

    def _password_file(self) -> str:
        """A password of the environment's for the job's own test customer, in a file, since whoever may ask the engine sees variables.

        It changes with the operators' password, from which nobody can tell it back.
        """
        path = Path(self.env.path("secrets", "smoke", "password"))
        password = smoke_password(Path(self.env.path("secrets", "operator_password")).read_text(encoding="utf-8").strip())
        if not path.exists() or path.read_text(encoding="utf-8") != password:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, password, mode=0o440, owner=(ROOT, APPLICATION))
        return str(path)


def smoke_password(operator_password: str) -> str:
    return hmac.digest(operator_password.encode(), b"smoke test", hashlib.sha256).hex()
