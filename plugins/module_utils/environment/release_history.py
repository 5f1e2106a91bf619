"""What may be promoted and where a rollback leads, read from the ledger and from where traffic is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS

TRAFFIC_EVENTS = ("promoted", "rolled_back", "switched")
# These say where traffic went, or where it returns to.
ALL_TRAFFIC_EVENTS = (*TRAFFIC_EVENTS, "canary", "closed", "opened")


@dataclass(frozen=True)
class ReleaseHistory:
    """`live` holds the colours with traffic, as the routing table says: it is the truth, the ledger only explains it."""

    entries: Sequence[Mapping[str, Any]]
    live: Sequence[str]

    @property
    def candidate(self) -> str:
        """The colour that was deployed last and is still there; empty when there is none."""
        return str(self._deployment.get("colour", ""))

    @property
    def candidate_release(self) -> str:
        return str(self._deployment.get("release", ""))

    @property
    def _deployment(self) -> Mapping[str, Any]:
        removed: set[str] = set()
        for entry in reversed(self.entries):
            if entry["event"] == "removed":
                removed.add(entry["colour"])
            elif entry["event"] == "deployed":
                return {} if entry["colour"] in removed else entry
        return {}

    @property
    def rollback_target(self) -> str:
        """The colour whose release had the traffic before and is still there; empty when there is none.

        After a rollback it is the live colour itself: a second rollback must not flip back.
        """
        if len(self.live) == 2:
            return next(colour for colour in self.live if colour != self.candidate)
        if not self.live:
            return ""
        live = self.live[0]
        last = next((entry for entry in reversed(self.entries) if entry["event"] in TRAFFIC_EVENTS), None)
        if last is not None and last["event"] == "rolled_back" and last["colour"] == live:
            return live
        others = [entry for entry in reversed(self.entries) if entry["colour"] not in (live, "")]
        for entry in others:
            # The colour was removed, or got another release, so what served before is gone.
            if entry["event"] == "removed" or entry["release"] != others[0]["release"]:
                return ""
            if entry["event"] in TRAFFIC_EVENTS:
                return str(entry["colour"])
        return ""

    @property
    def weights(self) -> dict[str, int] | None:
        """Who serves, as far as the ledger knows; None before the first release."""
        for entry in reversed(self.entries):
            if entry["event"] in ALL_TRAFFIC_EVENTS and "to" in entry.get("details", {}):
                return dict(entry["details"]["to"]["weights"])
            if entry["event"] in TRAFFIC_EVENTS:
                return {colour: 100 if colour == entry["colour"] else 0 for colour in COLOURS}
        return None

    @property
    def is_closed(self) -> bool:
        """Whether somebody closed the entrance, by playbook `maintenance`, and nobody opened it since."""
        return next((entry["event"] for entry in reversed(self.entries) if entry["event"] in ("closed", "opened")), "") == "closed"

    def last(self, count: int) -> list[Mapping[str, Any]]:
        return list(self.entries[-count:])[::-1]
