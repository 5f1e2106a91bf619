"""What a run did and was cut off, or stopped by a rollback, before the ledger knew of it: the next run writes it down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container, containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

LookAtColour = Callable[[Environment, str], list[Container]]

# How a playbook that moves traffic records it, by the operation of its lease.
_TRAFFIC_EVENTS = {"deploy": "promoted", "promote": "promoted", "rollback": "rolled_back"}
_ALL_TRAFFIC_EVENTS = ("promoted", "rolled_back", "canary", "switched", "closed", "opened")


def containers(env: Environment, colour: str) -> list[Container]:
    return containers_of(docker_client(), [env.colour(colour)])[colour]


def record_what_was_cut_off(env: Environment, lease: Lease, containers_of_colour: LookAtColour = containers) -> list[str]:
    """Adds the missing events to the ledger and returns a line for each. The caller keeps everybody else from the environment meanwhile."""
    ledger = Ledger(Path(env.path("ledger.jsonl")))
    known = [(entry["event"], entry["colour"]) for entry in ledger.entries() if entry.get("lease") == lease.number]
    entries = _moved_traffic(env, lease, {event for event, _colour in known}, containers_of_colour)
    claims = ColourClaims(env)
    for claim in claims.all():
        if claim.purpose == REMOVED and not containers_of_colour(env, claim.colour):
            if (REMOVED, claim.colour) not in known:
                entries.append(_removal(claim))
            claims.drop(claim.colour)
    for entry in entries:
        ledger.append(entry)
    return [f"{entry['event']} {entry['colour']}".strip() for entry in entries]


def _moved_traffic(env: Environment, lease: Lease, known: set[str], containers_of_colour: LookAtColour) -> list[dict[str, Any]]:
    router = NginxRoutes(env.path("routes"))
    now = router.current_or_nothing()
    event = _event_of(lease.operation, now)
    if not event or router.mover(now) != lease.number or known & set(_ALL_TRAFFIC_EVENTS):
        return []
    colour = "" if lease.operation == "maintenance" else now.candidate or next(iter(now.weights.live), "")
    release = next((container.release for container in containers_of_colour(env, colour) if container.release), "") if colour else ""
    details = {"to": now.as_dict(), "recorded": f"by the next run, since {lease.holder} was cut off"}
    return [new_entry(event, colour, release, details, by=lease.owner, lease=lease.number)]


def _event_of(operation: str, now: Generation) -> str:
    if operation == "maintenance":
        return "closed" if now.maintenance else "opened"
    if operation in ("switch", "canary"):
        return "canary" if now.candidate else "switched"
    return _TRAFFIC_EVENTS.get(operation, "")


def _removal(claim: Claim) -> dict[str, Any]:
    details = {"recorded": f"by the next run, since {claim.by} was cut off"}
    return new_entry(REMOVED, claim.colour, claim.release, details, lease=claim.lease)
