"""Everything about an environment on one screen, for somebody tired at three in the morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.topology import COLOURS, SERVICES, Environment


@dataclass(frozen=True)
class DatabaseState:
    """`problem` is empty while the application's own user can log in."""

    version: str = ""
    tls_cipher: str = ""
    problem: str = ""


@dataclass(frozen=True)
class StatusScreen:
    env: Environment
    traffic: Mapping[str, Any]
    database: DatabaseState
    # Newest first; `ledger_problem` when they cannot be trusted.
    history: Sequence[Mapping[str, Any]] = ()
    ledger_problem: str = ""

    def lines(self, with_hints: bool) -> list[str]:
        sections = [self._traffic(), self._colours(), self._durable(), self._releases(), self._entrances()]
        if with_hints:
            sections.append(self._hints())
        lines: list[str] = []
        for section in filter(None, sections):
            lines += ["", *section] if lines else section
        return lines

    @property
    def is_well(self) -> bool:
        live = self.traffic["live"]
        healthy = all(self.traffic["colours"][colour]["ready"] for colour in live)
        edge = self.traffic["edge"]["ready"] and self.traffic["table"]["readable"]
        return bool(live and healthy and edge) and not self.database.problem and not self.ledger_problem

    def _traffic(self) -> list[str]:
        if not self.traffic["table"]["readable"]:
            return [f"TRAFFIC   UNKNOWN: {self.traffic['table']['problem']}"]
        shares = [f"{colour} {self.traffic['weights'][colour]} %" for colour in self.traffic["live"]]
        return [f"TRAFFIC   {', '.join(shares) if shares else 'nothing is live'} (generation {self.traffic['generation']})"]

    def _colours(self) -> list[str]:
        lines = [f"{'COLOUR':<9} {'WEIGHT':>6}  {'VERSION':<9} {'RELEASE':<20} HEALTH"]
        for name in COLOURS:
            colour = self.traffic["colours"][name]
            weight = f"{self.traffic['weights'][name]} %"
            lines.append(f"{name:<9} {weight:>6}  {colour['version'] or '-':<9} {colour['release'] or '-':<20} {self._health(colour)}")
            lines += [
                f"          {container['name']} is {container['state']} ({container['health']})"
                for container in colour["containers"]
                if container["state"] != "running" or container["health"] not in ("healthy", "none")
            ]
        return lines

    def _health(self, colour: Mapping[str, Any]) -> str:
        if not colour["containers"]:
            return "absent"
        healthy = sum(container["state"] == "running" and container["health"] == "healthy" for container in colour["containers"])
        count = f"{healthy} of {len(SERVICES)} containers healthy"
        return f"ready, {count}" if colour["ready"] else f"NOT READY: {colour['problem']}; {count}"

    def _durable(self) -> list[str]:
        edge = self.traffic["edge"]
        database = self.database
        where = f"127.0.0.1:{self.env.mariadb_port}, volume {self.env.mariadb_volume}"
        return [
            f"DATABASE  MariaDB {database.version} ready, {database.tls_cipher}, {where}"
            if not database.problem
            else f"DATABASE  NOT READY: {database.problem} ({where})",
            "EDGE      ready" if edge["ready"] else f"EDGE      NOT READY: {edge['problem']}",
        ]

    def _releases(self) -> list[str]:
        if self.ledger_problem:
            return [f"RELEASES  {self.ledger_problem}"]
        if not self.history:
            return ["RELEASES  none yet"]
        return ["RELEASES"] + [
            f"  {event['at'][:19].replace('T', ' ')}  {event['event']:<11} {event['colour']:<6} {event['release']:<20} by {event['by']}"
            for event in self.history
        ]

    def _entrances(self) -> list[str]:
        return [
            f"PUBLIC    {_url(self.env.edge_port)}",
            f"OPERATORS {_url(self.env.operators_port)}  user operator, password in {self.env.path('secrets', 'operator_password')}",
        ]

    def _hints(self) -> list[str]:
        inventory = "" if self.env.name == "devlocal" else f" -i inventories/{self.env.name}"
        return [
            "NEXT      . .venv/bin/activate",
            f"          ansible-playbook{inventory} playbooks/deploy.yml      a candidate beside the live colour",
            f"          ansible-playbook{inventory} playbooks/promote.yml     traffic moves to it",
            f"          ansible-playbook{inventory} playbooks/rollback.yml    and back",
        ]


def _url(port: int) -> str:
    return "https://localhost" if port == 443 else f"https://localhost:{port}"
