"""The run as one self-contained HTML page: who answered, how fast, and what went wrong, over time and with every switch."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from counting_client.chart import Band, Chart, LogScale, ticks_up_to
from counting_client.report import Moment, Report, SwitchMark
from counting_client.report_table import facts, problems, rows_of_kinds, rows_of_sessions

_FILLS = {"blue": "var(--blue)", "green": "var(--green)", "": "var(--nobody)"}
_OTHER_FILLS = ("var(--third)", "var(--fourth)", "var(--fifth)")

_STYLE = Path(__file__).with_name("picture.css").read_text()


def write_picture(report: Report, path: Path) -> None:
    path.write_text(picture(report))


def picture(report: Report) -> str:
    faults = sum(report.faults.values())
    verdict = "nothing was lost" if not faults else f"{faults:,} faults"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Run {escape(report.run)}: {verdict}</title><style>{_STYLE}</style></head><body>
<h1 class="{"bad" if faults else "good"}">{report.answered:,} answered, {len(report.switches)} switches: {verdict}</h1>
<p class="about">run {escape(report.run)}, {report.seconds:.1f} s. A line marks the commit of a switch; hover over it for the weights.
The shade around it is the time that counts as around the switch.</p>
{_tiles(report)}{_drawings(report)}{_tables(report)}</body></html>
"""


def _tiles(report: Report) -> str:
    quiet, around = report.quiet.p99, report.around_switches.p99
    tiles = [
        (f"{report.answered:,}", "answered", False),
        (f"{report.lost:,}", "lost", report.lost > 0),
        (f"{report.server_errors:,}", "5xx", report.server_errors > 0),
        (f"{report.wrong_colour:,}", "wrong colour", report.wrong_colour > 0),
        (f"{report.rate:,.0f}/s", "rate", False),
        (f"{quiet * 1e3:.1f} ms", "p99 quiet", False),
    ]
    if report.around_switches.count:
        ratio = f" = {around / quiet:.2f} times quiet" if quiet else ""
        tiles.append((f"{around * 1e3:.1f} ms", f"p99 around switches{ratio}", False))
    if report.sessions:
        opened = sum(sessions.opened for sessions in report.sessions.values())
        tiles.append((f"{report.broken_sessions:,} of {opened:,}", "sessions broke", report.broken_sessions > 0))
    cells = (f"<div{' class=bad' if bad else ''}><b>{value}</b><span>{escape(name)}</span></div>" for value, name, bad in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _drawings(report: Report) -> str:
    colours = sorted({colour for moment in report.timeline for colour in moment.by_colour} | set(_weighted(report)))
    fills = {colour: _FILLS.get(colour, _OTHER_FILLS[turn % len(_OTHER_FILLS)]) for turn, colour in enumerate(colours)}
    keys = " ".join(_key(colour or "none", fill) for colour, fill in fills.items())
    latency_keys = " ".join(_key(name, f"var(--{name})") for name in ("p50", "p99", "slowest"))
    parts = [
        f"<h2>Answers a second, by who answered {keys}</h2>{_rates(report, fills)}",
        f"<h2>Latency, ms <small>logarithmic</small> {latency_keys}</h2>{_latencies(report)}",
        f"<h2>Faults</h2>{_faults(report)}",
    ]
    if report.switches:
        parts.insert(0, f"<h2>Who has traffic <small>as switched, in per cent</small> {keys}</h2>{_traffic(report, fills)}")
    return "".join(f"<section>{part}</section>" for part in parts)


def _chart(report: Report, height: int) -> Chart:
    bands = [Band(mark.began - report.around, mark.committed + report.around, "around", "") for mark in report.switches]
    return Chart(report.seconds, height, bands, [(mark.committed, _story(mark)) for mark in report.switches])


def _traffic(report: Report, fills: dict[str, str]) -> str:
    chart = _chart(report, 84)
    ends = [mark.committed for mark in report.switches]
    steps = list(zip([0.0, *ends], [*ends, report.seconds], _weighted_states(report.switches), strict=True))
    floors = [0.0] * len(steps)
    for colour, fill in fills.items():
        shares = [weights.get(colour, 0) / 100 for _, _, weights in steps]
        parts = zip(steps, floors, shares, strict=True)
        chart.area([(start, end, floor, floor + share) for (start, end, _), floor, share in parts], fill, colour)
        floors = [floor + share for floor, share in zip(floors, shares, strict=True)]
    return chart.svg("Who has traffic", [(0.0, "0"), (0.5, "50"), (1.0, "100")])


def _rates(report: Report, fills: dict[str, str]) -> str:
    chart = _chart(report, 210)
    spans = [(moment, *_span(report, moment)) for moment in report.timeline]
    highest, ticks = ticks_up_to(max((sum(moment.by_colour.values()) / (end - start) for moment, start, end in spans), default=1))
    floors = [0.0] * len(spans)
    for colour, fill in fills.items():
        tops = [
            floor + moment.by_colour.get(colour, 0) / (end - start) / highest
            for floor, (moment, start, end) in zip(floors, spans, strict=True)
        ]
        chart.area(
            [(start, end, floor, top) for floor, top, (_, start, end) in zip(floors, tops, spans, strict=True)], fill, colour or "none"
        )
        floors = tops
    return chart.svg("Answers a second", ticks)


def _latencies(report: Report) -> str:
    chart = _chart(report, 210)
    measured = [moment for moment in report.timeline if moment.slowest_ms > 0]
    scale = LogScale(
        min((moment.p50_ms for moment in measured), default=1.0), max((moment.slowest_ms for moment in measured), default=10.0)
    )
    middles = [sum(_span(report, moment)) / 2 for moment in measured]
    chart.dots(
        [
            (middle, scale.share(moment.slowest_ms), f"{middle:.2f} s: slowest {moment.slowest_ms:.1f} ms")
            for middle, moment in zip(middles, measured, strict=True)
        ],
        "slowest",
    )
    chart.line([(middle, scale.share(moment.p99_ms)) for middle, moment in zip(middles, measured, strict=True)], "p99")
    chart.line([(middle, scale.share(moment.p50_ms)) for middle, moment in zip(middles, measured, strict=True)], "p50")
    return chart.svg("Latency in milliseconds", scale.ticks)


def _faults(report: Report) -> str:
    bad = [moment for moment in report.timeline if moment.bad]
    if not bad:
        return '<p class="about">None at any time.</p>'
    chart = _chart(report, 110)
    highest, ticks = ticks_up_to(max(moment.bad for moment in bad))
    chart.area([(*_span(report, moment), 0.0, moment.bad / highest) for moment in bad], "var(--bad)")
    return chart.svg("Faults", ticks)


def _tables(report: Report) -> str:
    parts = [("By kind of request", _table(rows_of_kinds(report), "sum"))]
    if report.sessions:
        parts.append(("Sessions", _table(rows_of_sessions(report))))
    parts.append(("The whole account", _table([("", ""), *facts(report)], "list")))
    if found := problems(report):
        parts.append(("What went wrong, the first of each kind", f"<pre>{escape(chr(10).join(found))}</pre>"))
    return "".join(f"<section><h2>{name}</h2>{content}</section>" for name, content in parts)


def _table(rows: Sequence[Sequence[str]], look: str = "") -> str:
    head, *body = rows
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body)
    return f'<table class="{look}"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'


def _weighted(report: Report) -> list[str]:
    return [colour for weights in _weighted_states(report.switches) for colour, weight in weights.items() if weight]


def _weighted_states(switches: Sequence[SwitchMark]) -> list[dict[str, int]]:
    """Before the first switch and after each."""
    return [switches[0].before, *(mark.after for mark in switches)] if switches else []


def _span(report: Report, moment: Moment) -> tuple[float, float]:
    """The last one may be cut short by the end of the run."""
    return moment.start, max(min(moment.start + report.step, report.seconds), moment.start + 0.01)


def _story(mark: SwitchMark) -> str:
    result = f"failed: {mark.error}" if mark.error else f"to {_weights(mark.after)}"
    return f"switch {mark.number} at {mark.committed:.3f} s, {_weights(mark.before)} {result}"


def _weights(weights: dict[str, int]) -> str:
    return ", ".join(f"{colour} {weight}" for colour, weight in weights.items()) or "unknown"


def _key(name: str, fill: str) -> str:
    return f'<small class="key" style="--of:{fill}">{escape(name)}</small>'
