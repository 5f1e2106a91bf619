# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook run as a tree of spans: the run, its plays, in them the release with its steps, and the tasks of a role together.

Names and attributes of the run and its tasks are those of callback community.general.opentelemetry, so that what is made for it
fits. Nothing here knows Ansible.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Value = str | int | bool

# Action plugins, which are children of the run, read the trace's name here.
VARIABLE = "ECHOBASE_TRACE_ID"
# What a run has the environment for, where that is about a release. Other work of a lease is called after its operation, too.
RELEASE_VERBS = ("deploy", "promote", "canary", "rollback", "switch", "migrate")
_TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_LONGEST_TEXT = 300
# The words of a failure go through these: a URL may hold a password, and some programs print what they were given.
_SECRET_NAME = r"(?:[\w-]*(?:password|passwd|secret|token|authorization|cookie|api_?key))"
_REDACTED = (
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), "://***@"),
    (re.compile(rf"(?i)\b({_SECRET_NAME}[\"']?\s*[=:]\s*)(?:bearer\s+|basic\s+)?\S+"), r"\1***"),
)


@dataclass(frozen=True)
class Origin:
    """The trace that a run belongs to, and the span that it is a part of, if somebody else began one."""

    trace_id: str
    span_id: str = ""

    @classmethod
    def of(cls, traceparent: str) -> Origin | None:
        """A trace of our own, or the caller's; None where the caller has said that this one is not to be kept."""
        given = _TRACEPARENT.fullmatch(traceparent.strip())
        if given is None:
            return cls(secrets.token_hex(16))
        return cls(given["trace"], given["span"]) if int(given["flags"], 16) & 1 else None


@dataclass
class Span:
    name: str
    parent_id: str
    start: int
    end: int
    attributes: dict[str, Value] = field(default_factory=dict)
    # Why it failed; None where nobody knows how it went, empty where it went well.
    failure: str | None = None
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))


class SteadyClock:
    """Nanoseconds since 1970 that go on evenly, however the machine's clock is set meanwhile."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def __call__(self) -> int:
        return self._offset + time.monotonic_ns()


class RunTrace:
    def __init__(self, origin: Origin, playbook: str, clock: Callable[[], int] | None = None) -> None:
        self.origin = origin
        self.spans: list[Span] = []
        # What the run turned out to be about: of the environment, the colour, the release.
        self.facts: dict[str, Value] = {}
        # What the run had the environment for, one after the other.
        self.works: list[Span] = []
        self._clock = clock or SteadyClock()
        self._root = self._open(f"playbook {playbook}", origin.span_id)
        # The group that a task is in, from the outermost: play, work, role.
        self._groups: dict[str, Span] = {}
        self._tasks: dict[str, tuple[str, Mapping[str, Value], int, Span]] = {}

    @property
    def has_release(self) -> bool:
        return any(work.name.startswith("release ") for work in self.works)

    def begin_play(self, name: str) -> None:
        self._groups = {"play": self._open(f"play {name}", self._root.span_id)}

    def begin_task(self, key: str, name: str, role: str, attributes: Mapping[str, Value], operation: str = "") -> None:
        """`operation` is what the run has the environment for from here on; `role` is empty outside of one."""
        if key in self._tasks:
            return
        if operation:
            self._begin_work(operation)
        around = self._groups.get("work") or self._groups.get("play") or self._root
        known = self._groups.get("role")
        if not role:
            self._groups.pop("role", None)
        elif known is None or (known.name, known.parent_id) != (f"role {role}", around.span_id):
            self._groups["role"] = self._open(f"role {role}", around.span_id)
        group = self._groups.get("role", around)
        self._tasks[key] = (name, attributes, self._clock(), group)

    def end_task(self, key: str, host: str, state: str, failure: str | None = None) -> None:
        """`state` is `ok`, `failed`, `ignored`, `skipped` or `unreachable`."""
        if key not in self._tasks:
            return
        name, attributes, start, group = self._tasks[key]
        told = {**attributes, "ansible.task.name": name, "ansible.task.host.name": host, "ansible.task.host.status": state}
        span = Span(name, group.span_id, start, self._clock(), told, None if failure is None else redacted(failure))
        self.spans.append(span)
        self._reach(span.end)

    def end_work(self) -> None:
        """The environment was given back: what comes is no part of the release any more."""
        self._groups.pop("work", None)
        self._groups.pop("role", None)

    def learn(self, facts: Mapping[str, Value]) -> None:
        """Something about the run became known; it is told of the run and of the release under way."""
        self.facts.update(facts)
        if "work" in self._groups:
            self._groups["work"].attributes.update(facts)

    def finish(self, failure: str | None, counts: Mapping[str, Value]) -> list[Span]:
        """All spans, the run's own first. Where it went well, whatever failed on the way was repaired by the playbook."""
        self._root.end = self._clock()
        self._root.failure = redacted(failure) if failure else ""
        self._root.attributes = {**self.facts, **counts, "echobase.outcome": "failed" if failure else "succeeded"}
        for work in self.works:
            # Whoever fails does not give the environment back.
            is_cut_off = bool(failure) and self._groups.get("work") is work
            work.failure = (self._failure_within(work) or self._root.failure) if is_cut_off else ""
            work.attributes["echobase.outcome"] = "failed" if is_cut_off else "succeeded"
        return self.spans

    def _begin_work(self, operation: str) -> None:
        self._groups.pop("role", None)
        play = self._groups.get("play") or self._root
        name = f"release {operation}" if operation in RELEASE_VERBS else f"operation {operation}"
        span = self._open(name, play.span_id)
        span.attributes = {**self.facts, "echobase.operation": operation}
        self._groups["work"] = span
        self.works.append(span)

    def _failure_within(self, group: Span) -> str:
        below = {group.span_id}
        for span in self.spans:
            if span.parent_id in below:
                below.add(span.span_id)
        return next((span.failure for span in reversed(self.spans) if span.failure and span.span_id in below), "")

    def _open(self, name: str, parent_id: str) -> Span:
        now = self._clock()
        span = Span(name, parent_id, now, now)
        self.spans.append(span)
        return span

    def _reach(self, moment: int) -> None:
        for group in self._groups.values():
            group.end = max(group.end, moment)


def redacted(text: str) -> str:
    """The first line of a failure, without what looks like a secret."""
    line = text.strip().partition("\n")[0]
    for pattern, instead in _REDACTED:
        line = pattern.sub(instead, line)
    return line[:_LONGEST_TEXT]
