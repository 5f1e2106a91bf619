"""While the containers of a colour are replaced or removed, nobody may send traffic to it.

A claim is a file in the environment's journal. It is written under the routing table's lock, together with the check that the colour has
no traffic, and every switch looks for it under the same lock. It goes when the run that wrote it gives back its release lease; where that
run failed or was killed, it stays until the colour is deployed or removed again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

# What a claim is for, as it reads in a sentence.
REPLACED, REMOVED = "replaced", "removed"


@dataclass(frozen=True)
class Claim:
    colour: str
    purpose: str
    # The release that the colour gets; when it is removed, the one that it had.
    release: str
    # The fencing number of the release lease that its run had.
    lease: int
    since: str
    by: str

    @property
    def finding(self) -> str:
        """What speaks against sending traffic to the colour."""
        what = f"being replaced by {self.release or 'another release'}" if self.purpose == REPLACED else "being removed"
        return f"{self.colour} is {what} since {self.since[11:19]} UTC by {self.by}, or that was cut off: what it served before is gone"


class ColourClaims:
    def __init__(self, env: Environment) -> None:
        self._env = env
        self._folder = Path(env.path("journal"))

    def of(self, colour: str) -> Claim | None:
        path = self._path(colour)
        try:
            return Claim(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Refusal(
                f"{path} cannot be understood ({error})", f"deploy {colour} again, which writes it anew: {playbook('deploy')}"
            ) from error

    def all(self) -> list[Claim]:
        return [claim for claim in map(self.of, COLOURS) if claim is not None]

    def findings(self, colour: str, lease: int | None) -> list[str]:
        """Gives what a claim says against a colour. The run that made it may send traffic there, as a first deployment does."""
        claim = self.of(colour)
        return [] if claim is None or claim.lease == lease else [claim.finding]

    def make(self, claim: Claim) -> None:
        """Refuses a colour that has traffic, or is about to get some."""
        router = NginxRoutes(self._env.path("routes"))
        with router.exclusive():
            self.refuse_traffic(claim.colour, router)
            router.refuse_outdated(claim.lease)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._path(claim.colour), json.dumps(asdict(claim), indent=1) + "\n")

    def refuse_traffic(self, colour: str, router: NginxRoutes) -> None:
        """Where there is no routing table yet, nothing has traffic."""
        weights = router.current().weights.as_dict() if router.exists() else {}
        undecided = EdgeMemory(self._env.path("routes")).undecided
        promised = undecided.generation.weights.as_dict() if undecided else {}
        for shares, what in ((weights, "has"), (promised, "is about to get")):
            if shares.get(colour):
                raise Refusal(
                    f"{colour} {what} {shares[colour]} % of the traffic, so its containers stay as they are",
                    f"move traffic away first with {playbook('promote')} or {playbook('rollback')}, then run this again",
                )

    def drop(self, colour: str) -> None:
        self._path(colour).unlink(missing_ok=True)
        if self._folder.is_dir():
            sync_directory(self._folder)

    def drop_those_of(self, lease: int) -> None:
        for claim in self.all():
            if claim.lease == lease:
                self.drop(claim.colour)

    def _path(self, colour: str) -> Path:
        return self._folder / f"{self._env.colour(colour).name}.json"
