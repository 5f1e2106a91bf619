"""A report as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from counting_client.latency import Latency

if TYPE_CHECKING:
    from counting_client.report import Report

_OF_KINDS = ("sent", "answered", "lost", "5xx", "wrong colour", "repeated", "p50", "p99", "slowest", "p99 quiet", "p99 around switches")


def table(report: Report) -> str:
    parts = [_columns(rows_of_kinds(report)), "", _facts(report)]
    found = problems(report)
    return "\n".join((*parts, "", *found) if found else parts)


def rows_of_kinds(report: Report) -> list[tuple[str, ...]]:
    """A head, a row for each kind and one for all together."""
    rows: list[tuple[str, ...]] = [("", *_OF_KINDS)]
    for name, counts in (*sorted(report.kinds.items()), ("all", report)):
        numbers = (counts.sent, counts.answered, counts.lost, counts.server_errors, counts.wrong_colour, counts.refused_and_repeated)
        times = (counts.latency.p50, counts.latency.p99, counts.latency.slowest)
        rows.append(
            (
                name,
                *(f"{number:,}" for number in numbers),
                *(_milliseconds(time) for time in times),
                _p99(counts.quiet),
                _p99(counts.around_switches),
            )
        )
    return rows


def rows_of_sessions(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("sessions", "opened", "broken", "events", "missed", "repeated")]
    for name, one in sorted(report.sessions.items()):
        numbers = (one.opened, one.broken, one.events, one.missed_events, one.repeated_events)
        rows.append((name, *(f"{number:,}" for number in numbers)))
    return rows


def facts(report: Report) -> list[tuple[str, str]]:
    colours = ", ".join(f"{colour or 'none'} {count:,}" for colour, count in report.by_colour.items())
    return [
        *((name, f"{count:,}") for name, count in report.faults.items()),
        ("answered by", colours or "-"),
        ("lost, by reason", ", ".join(f"{reason} {count:,}" for reason, count in report.lost_by_reason.items()) or "-"),
        ("statuses", ", ".join(f"{status}: {count:,}" for status, count in report.by_status.items()) or "-"),
        ("refused and repeated", f"{report.refused_and_repeated:,}"),
        ("reopened (closed while unused)", f"{report.reopened:,}"),
        ("switches", f"{len(report.switches)}"),
        ("rate", f"{report.rate:,.0f}/s over {report.seconds:.1f} s"),
        ("quiet", _story(report.quiet)),
        (f"within {report.around * 1e3:.0f} ms of a switch", _story(report.around_switches)),
        ("longest time without an answer", f"{report.longest_gap * 1e3:.0f} ms"),
        ("pauses survived", ", ".join(f"{start}-{start + 5} s: {count}" for start, count in report.pauses.items()) or "-"),
        ("the client itself", f"{report.cpu_share:.0%} of a core, limit {report.own_limit:,.0f}/s, lag {report.longest_lag * 1e3:.0f} ms"),
    ]


def _facts(report: Report) -> str:
    rows = facts(report)
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    if report.sessions:
        lines += ["", _columns(rows_of_sessions(report))]
    return "\n".join(lines)


def problems(report: Report) -> list[str]:
    lines = [
        f"  {incident.second:8.3f} s  {incident.kind}  {incident.id}  {incident.detail}  [{incident.connection}]"
        for incident in report.incidents
    ]
    for kind, sessions in sorted(report.sessions.items()):
        for one in sessions.breaks:
            when = "before any switch" if not one.switch else f"during switch {one.switch}"
            if one.since_switch is not None:
                when = f"{one.since_switch:.3f} s after switch {one.switch}"
            lines.append(f"  {one.second:8.3f} s  {kind} broke {when}  {one.detail}  [{one.connection}]")
    return lines + [f"  switch {switch.number} failed: {switch.error}" for switch in report.switches if switch.error]


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  " + "  ".join((f"{name:<{widths[0]}}", *map(str.rjust, cells, widths[1:]))) for name, *cells in rows)


def _story(latency: Latency) -> str:
    if not latency.count:
        return "-"
    times = f"p50 {_milliseconds(latency.p50)}, p99 {_milliseconds(latency.p99)}, slowest {_milliseconds(latency.slowest)}"
    return f"{times} ({latency.count:,} answers)"


def _p99(latency: Latency) -> str:
    return _milliseconds(latency.p99) if latency.count else "-"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"
