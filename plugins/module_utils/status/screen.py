"""Everything about an environment on one screen, for somebody tired at three in the morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import ACCOUNTS_FILE, KEPT
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import ENCRYPTION_KEY
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import DEFAULT_ENGINE
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.images.age import ImageAge
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaState
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationChange, Kind
from ansible_collections.echobase.platform.plugins.module_utils.status.cache import CacheState
from ansible_collections.echobase.platform.plugins.module_utils.status.readings import Readings

TROUBLE_MINUTES = 10
# When the packages of an image are so old, status says how to have newer ones.
_OLD_DAYS = 30
# Events after which the colour they name had all traffic.
_SWITCHES = ("promoted", "rolled_back", "switched")


@dataclass(frozen=True)
class Backups:
    """What could be restored now, and how far a restore is, or another change of the served data, that was begun."""

    restorable: Restorable
    change: GenerationChange | None
    now: datetime

    @property
    def are_well(self) -> bool:
        return self.restorable.as_of is not None and not self.restorable.problem and (self.change is None or not self.change.is_under_way)


@dataclass(frozen=True)
class DatabaseState:
    """`problem` is empty while the application's own user can log in."""

    version: str = ""
    tls_cipher: str = ""
    problem: str = ""
    engine: str = DEFAULT_ENGINE
    # The backups; None where nobody asked for them.
    backups: Backups | None = None
    # The replica; None where there is none.
    replica: ReplicaState | None = None
    # The server that somebody else runs; None where the database is one of our own.
    external: ExternalDatabase | None = None


@dataclass(frozen=True)
class Work:
    """The release lease while its run is at work, and what runs left half done that are not at work any more."""

    lease: Lease | None = None
    unfinished: Sequence[Claim] = ()

    @classmethod
    def on(cls, env: Environment, now: datetime, readings: Readings) -> Work:
        lease = readings.of(ReleaseLease(env).read, Lease())
        held = lease if lease.is_held and not lease.is_abandoned(now) else None
        claims = [readings.of(partial(ColourClaims(env).of, colour), None) for colour in COLOURS]
        return cls(held, [claim for claim in claims if claim is not None and (held is None or claim.lease != held.number)])


@dataclass(frozen=True)
class StatusScreen:
    env: Environment
    traffic: Mapping[str, Any]
    database: DatabaseState
    # The last events of the ledger, the newest first; `ledger_problem` says why they cannot be trusted.
    history: Sequence[Mapping[str, Any]] = ()
    ledger_problem: str = ""
    # What is wrong with the edge's further containers, by name; empty where all is well.
    edge_parts: Mapping[str, str] = field(default_factory=dict)
    edge_troubles: Sequence[str] = ()
    # Who changes the environment right now, and what earlier runs left half done.
    work: Work = field(default_factory=Work)
    # How old the images in use are, the oldest first.
    image_ages: Sequence[ImageAge] = ()
    # What became of the operator's line in the file of accounts.
    operator: str = KEPT
    # What could not be read, and what to do about each.
    unreadable: Sequence[str] = ()
    # What watches the environment, in the screen's lines.
    observed: Sequence[str] = ()
    # None where there is no cache.
    cache: CacheState | None = None

    def lines(self, with_hints: bool) -> list[str]:
        sections = [
            [*self._traffic(), *self._work(), *self._dead_letters(), *self._unreadable()],
            self._colours(),
            self._durable(),
            self._releases(),
            self._entrances(),
        ]
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
        served = not self.traffic["maintenance"] and not self.traffic["undecided"]
        edge = self.traffic["edge"]["ready"] and self.traffic["table"]["readable"] and not any(self.edge_parts.values())
        backups = self.database.backups is None or self.database.backups.are_well
        replica = self.database.replica is None or not self.database.replica.problem
        cache = self.cache is None or self.cache.is_ready
        return bool(live and healthy and served and edge and backups and replica and cache) and not (
            self.database.problem or self.ledger_problem or self.unreadable
        )

    def _traffic(self) -> list[str]:
        if not self.traffic["table"]["readable"]:
            return self._broken_table()
        generation = f"generation {self.traffic['generation']}"
        shares = _shares(self.traffic["weights"])
        if self.traffic["maintenance"]:
            lines = [
                f"TRAFFIC   MAINTENANCE: every customer sees the maintenance page ({generation})",
                f"          {playbook('maintenance', maintenance='off')} brings back {shares}",
            ]
        else:
            lines = [f"TRAFFIC   {shares} ({generation})"]
        return [*lines, *([] if self.traffic["maintenance"] else self._canary()), *self._undecided()]

    def _broken_table(self) -> list[str]:
        cause = self.traffic["table"]["problem"].partition(" - ")[0]
        told = next((event for event in self.history if event["event"] in _SWITCHES), None)
        colour, source = (told["colour"], f"{told['colour']} is what the ledger told last") if told else ("<colour>", "blue or green")
        return [
            f"TRAFFIC   UNKNOWN: {cause}",
            f"REPAIR    {playbook('switch', switch_to=colour, switch_repair='true')}    {source}",
        ]

    def _canary(self) -> list[str]:
        candidate = self.traffic["candidate"]
        if not candidate:
            return []
        return [
            f"CANARY    {candidate} is tried with {self.traffic['weights'][candidate]} %,"
            f" {self.traffic['stable']} answers in its place where it fails"
        ]

    def _undecided(self) -> list[str]:
        undecided = self.traffic["undecided"]
        if not undecided:
            return []
        return [
            f"UNDECIDED generation {undecided['generation']} ({_shares(undecided['weights'])}) of edges {', '.join(undecided['edges'])}:"
            " a switch was cut off; the next switch of all edges settles it first"
        ]

    def _work(self) -> list[str]:
        lines = [f"LEASE     {self.work.lease.holder}"] if self.work.lease else []
        for claim in self.work.unfinished:
            again = playbook("cleanup" if claim.purpose == REMOVED else "deploy")
            lines.append(f"CUT OFF   {claim.colour} was being {claim.purpose} by {claim.by}: {again} goes on")
        return [*lines, *self._working_tree()]

    def _working_tree(self) -> list[str]:
        shown = [name for name, colour in self.traffic["colours"].items() if colour.get("working_tree")]
        # Whoever holds the lease sees to its end.
        end = "" if self.work.lease else f", and nobody watches: {playbook('watch')} puts it away"
        return [f"WATCH     {name} shows the working tree{end}" for name in shown]

    def _dead_letters(self) -> list[str]:
        """Both colours tell of the same ones."""
        count = max((colour.get("dead_letters") or 0 for colour in self.traffic["colours"].values()), default=0)
        return [f"LETTERS   {count} dead: {playbook('dead_letters')} shows them"] if count else []

    def _unreadable(self) -> list[str]:
        return [f"DAMAGED   {problem}" for problem in self.unreadable]

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
        healthy = sum(container["state"] == "running" and container["health"] in ("healthy", "none") for container in colour["containers"])
        count = f"{healthy} of {len(colour['services'] or colour['containers'])} containers healthy"
        return f"ready, {count}" if colour["ready"] else f"NOT READY: {colour['problem']}; {count}"

    def _durable(self) -> list[str]:
        database = self.database
        return [
            *(self._external(database.external) if database.external else self._own_database()),
            *(self._backups(database.backups) if database.backups else []),
            *([database.replica.line] if database.replica else []),
            *([self.cache.line] if self.cache else []),
            *self._edge(),
            *self.observed,
            *self._packages(),
        ]

    def _own_database(self) -> list[str]:
        database, server = self.database, self.env.server(self.database.engine)
        where = f"127.0.0.1:{server.port}, volume {server.volume}"
        if database.problem:
            return [f"DATABASE  NOT READY: {database.problem} ({where})"]
        return [f"DATABASE  {engine_named(database.engine).title} {database.version} ready, {database.tls_cipher}, {where}"]

    def _external(self, external: ExternalDatabase) -> list[str]:
        database = self.database
        where = f"external, at {external.place}"
        told = "its owner tells of restore points" if external.restore_points else "nobody here knows to when it could be restored"
        return [
            f"DATABASE  NOT READY: {database.problem} ({where})"
            if database.problem
            else f"DATABASE  {engine_named(external.engine).title} {database.version} ready, {where}, TLS verified, {database.tls_cipher}",
            f"          backups, restore and upgrades are its owner's; {told}",
        ]

    def _backups(self, backups: Backups) -> list[str]:
        lines = [f"          {backups.restorable.line(backups.now)}"]
        change = backups.change
        if change is None:
            return lines
        kind, what, again, back = self._ways(change)
        if change.is_under_way:
            return [
                *lines,
                f"{kind:<9} CUT OFF while {change.step}, nobody can write: go on with {again}",
                f"          or back with {back}",
            ]
        shown = f"{kind:<9} {what}: generation {change.generation} is {change.step}"
        if change.is_live:
            return [*lines, f"{shown}, generation {change.previous} is kept"]
        # Without a confirmation a restore only shows what it would discard.
        go_on = playbook("restore", restore_to=change.to) if change.kind is Kind.RESTORE else again
        return [*lines, f"{shown} and does not serve yet: go on with {go_on}"]

    def _ways(self, change: GenerationChange) -> tuple[str, str, str, str]:
        """Gives the change's name in a word, more about it, the command that goes on, and the command that goes back."""
        restored_back = playbook("restore", restore_state="abandoned")
        match change.kind:
            case Kind.PROMOTION:
                back = playbook("promote_replica", promote_replica_state="abandoned")
                return "PROMOTION", "of the replica", playbook("promote_replica"), back
            case Kind.UPGRADE:
                back = playbook("upgrade", upgrade_state="abandoned")
                return "UPGRADE", f"to {change.to}", playbook("upgrade"), back
            case Kind.NEW_KEY:
                return "NEW KEY", "of the data", playbook("rotate_secrets", rotate=ENCRYPTION_KEY), restored_back
            case Kind.RESTORE:
                again = playbook("restore", restore_to=change.to, restore_confirm=self.env.server(change.engine).volume)
                return "RESTORE", f"to {change.to}", again, restored_back

    def _edge(self) -> list[str]:
        edge = self.traffic["edge"]
        problems = [f"NOT READY: {problem}" for problem in self.edge_parts.values() if problem]
        lines = ["EDGE      ready" if edge["ready"] else f"EDGE      NOT READY: {edge['problem']}"]
        lines += [f"          {problem}" for problem in problems]
        if self.edge_troubles:
            lines.append(f"TROUBLE   in the last {TROUBLE_MINUTES} minutes at the edge: {', '.join(self.edge_troubles)}")
        return lines

    def _packages(self) -> list[str]:
        if not self.image_ages:
            return []
        today = datetime.now(UTC).date()
        names: dict[date, list[str]] = {}
        for age in self.image_ages:
            names.setdefault(age.packages, []).append(age.name)
        shown = [f"{_days(day, today)} ({day}): {', '.join(of_day)}" for day, of_day in names.items()]
        lines = [f"PACKAGES  {'; '.join(shown)}"]
        if (today - self.image_ages[0].packages).days > _OLD_DAYS:
            lines.append(f"          {playbook('refresh_images')} builds the images with today's")
        return lines

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
            " ".join([f"PUBLIC    {self.env.public_url}", *self._further_names()]),
            f"OPERATORS {self.env.operators_url}  {self._operator()}",
        ]

    def _further_names(self) -> list[str]:
        return [f"(and {', '.join(self.env.public_names[1:])})"] if self.env.public_names[1:] else []

    def _operator(self) -> str:
        if self.operator == KEPT:
            return f"user operator, password in {self.env.path('secrets', 'operator_password')}"
        return f"accounts in {self.env.path('secrets', ACCOUNTS_FILE)}; somebody {self.operator} the line of user operator"

    def _hints(self) -> list[str]:
        return [
            f"NEXT      {playbook('deploy')}      a candidate beside the live colour",
            f"          {playbook('promote')}     traffic moves to it",
            f"          {playbook('rollback')}    and back",
        ]


def _shares(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{colour} {share} %" for colour, share in weights.items() if share) or "nothing is live"


def _days(day: date, today: date) -> str:
    days = (today - day).days
    return "of today" if days <= 0 else "1 day old" if days == 1 else f"{days} days old"
