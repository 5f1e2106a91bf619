"""What a run did and was cut off, or stopped by a rollback, before the ledger knew of it: the next run writes it down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container, containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ALL_TRAFFIC_EVENTS, ReleaseHistory
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

LookAtColour = Callable[[Environment, str], list[Container]]

# How a playbook that moves traffic records it, by the operation of its lease.
_TRAFFIC_EVENTS = {"deploy": "promoted", "promote": "promoted", "rollback": "rolled_back"}


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


def record_rollback_beside(env: Environment, lease: Lease, containers_of_colour: LookAtColour = containers) -> list[str]:
    """The same for a rollback that moved traffic beside the run of this lease, under its number, and was cut off.

    A run that works on the durable layer closes the door and opens it again; to whom it leads is never changed but by a rollback.
    """
    router, ledger = NginxRoutes(env.path("routes")), Ledger(Path(env.path("ledger.jsonl")))
    now = router.current_or_nothing()
    if router.mover(now) != lease.number:
        return []
    if ReleaseHistory(ledger.entries(), now.weights.live).weights in (None, now.weights.as_dict()):
        return []
    reason = f"by the next run, since a rollback beside {lease.operation} (lease {lease.number}) was cut off"
    entry = _entry(env, lease, "rolled_back", now, reason=reason, look=containers_of_colour, by="unknown")
    ledger.append(entry)
    return [f"{entry['event']} {entry['colour']}".strip()]


def _moved_traffic(env: Environment, lease: Lease, known: set[str], containers_of_colour: LookAtColour) -> list[dict[str, Any]]:
    now = _moved_by(env, lease)
    event = _event_of(lease.operation, now) if now else ""
    if now is None or not event or known & set(ALL_TRAFFIC_EVENTS):
        return []
    reason = f"by the next run, since {lease.holder} was cut off"
    return [_entry(env, lease, event, now, reason=reason, look=containers_of_colour)]


def _moved_by(env: Environment, lease: Lease) -> Generation | None:
    """Where the run moved traffic to. Of several edges none may have moved yet: once it is decided, they will."""
    folder = env.path("routes")
    router, decision = NginxRoutes(folder), EdgeMemory(folder).decision
    now = router.current_or_nothing()
    if decision and decision.fencing_number == lease.number and decision.number > now.number:
        return decision.generation
    return now if router.mover(now) == lease.number else None


def _entry(env: Environment, lease: Lease, event: str, now: Generation, *, reason: str, look: LookAtColour, by: str = "") -> dict[str, Any]:
    colour = "" if event in ("closed", "opened") else now.candidate or next(iter(now.weights.live), "")
    release = next((container.release for container in look(env, colour) if container.release), "") if colour else ""
    return new_entry(event, colour, release, {"to": now.as_dict(), "recorded": reason}, by=by or lease.owner, lease=lease.number)


def _event_of(operation: str, now: Generation) -> str:
    if operation == "maintenance":
        return "closed" if now.maintenance else "opened"
    if operation in ("switch", "canary"):
        return "canary" if now.candidate else "switched"
    return _TRAFFIC_EVENTS.get(operation, "")


def _removal(claim: Claim) -> dict[str, Any]:
    details = {"recorded": f"by the next run, since {claim.by} was cut off"}
    return new_entry(REMOVED, claim.colour, claim.release, details, lease=claim.lease)
