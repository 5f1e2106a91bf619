"""What the screen tells of the edge: its containers beside nginx, and what went wrong there lately."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

_TAIL_BYTES = 1 << 20
# The edge says these on purpose to everybody who comes, so they are no trouble.
_INTENDED = ("nothing-live", "maintenance")


def problems_of_edge_parts(docker: DockerClient, env: Environment) -> dict[str, str]:
    """What is wrong with the holder of the edge's sockets and with the operators' desk; empty when all is well.

    One question to the engine tells it of both.
    """
    names = (env.sockets_container, env.desk_container)
    label = f"com.docker.compose.project={env.durable_project}"
    found = [Container.of(summary) for summary in docker.api.containers(all=True, filters={"label": label})]
    return {name: _problem(name, found) for name in names}


def recent_troubles(log: Path, now: datetime, within: timedelta) -> list[str]:
    """Counts what went wrong lately, such as `12 colour-away` and `3 replayed from green`, the most frequent first.

    They come from the end of the access log: cheap, and good enough for a glance. The metrics count exactly.
    """
    counted: Counter[str] = Counter()
    for entry in _entries(log):
        try:
            if now - datetime.fromisoformat(entry["time"]) > within:
                continue
            if entry["replayed_from"]:
                counted[f"replayed from {entry['replayed_from']}"] += 1
            if entry["status"] >= 500 and entry["error"] not in _INTENDED:
                counted[entry["error"] or f"answered with {entry['status']} by {entry['colour'] or 'the edge'}"] += 1
        except (KeyError, TypeError, ValueError):
            continue
    return [f"{count} {trouble}" for trouble, count in counted.most_common()]


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            lines = stream.read().split(b"\n")
    except OSError:
        return
    for line in lines:
        # Parsing all of them would take longer than the rest of the screen.
        if b'"error":"","replayed_from":""' in line and b'"status":5' not in line:
            continue
        try:
            yield json.loads(line.decode("latin-1"))
        except ValueError:
            continue


def _problem(name: str, found: Iterable[Container]) -> str:
    container = next((container for container in found if container.name == name), None)
    if container is None:
        return f"there is no container {name}"
    if not container.is_running:
        return f"{name} is {container.state}"
    return "" if container.health in ("healthy", "none") else f"{name} is {container.health}"
