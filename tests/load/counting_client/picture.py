"""The run as one self-contained HTML page: rate by colour, latency, faults and switches over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

from counting_client.report import Report, SwitchMark

_WIDTH, _LEFT, _RIGHT = 1000, 60, 15
_STRIP = 150
# Seconds between two marks of the time axis.
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_FILLS = {"blue": "#3b7ddd", "green": "#2f9e5b", "": "#8a8a8a"}
_OTHER_FILLS = ("#b8772b", "#8a5fbf", "#2a9d9d")

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --bad: #c92a2a }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181a1b; --line: #444; --bad: #ff6b6b } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
body { margin: 2rem auto; max-width: 1040px; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.4rem 0 .2rem } pre { overflow-x: auto; font-size: 12px }
svg { width: 100%; height: auto } svg text { font-size: 11px; fill: var(--ink) }
.grid { stroke: var(--line) } .switch { stroke: var(--ink); stroke-dasharray: 3 3; opacity: .6 } .bad { fill: var(--bad) }
.p50 { fill: none; stroke: #3b7ddd; stroke-width: 1.5 } .p99 { fill: none; stroke: #b8772b; stroke-width: 1.5 }
"""


def write_picture(report: Report, path: Path) -> None:
    path.write_text(picture(report))


def picture(report: Report) -> str:
    faults = sum(report.faults.values())
    verdict = "nothing was lost" if not faults else f"{faults:,} faults"
    colours = sorted({colour for second in report.timeline for colour in second.by_colour})
    fills = {colour: _FILLS.get(colour, _OTHER_FILLS[turn % len(_OTHER_FILLS)]) for turn, colour in enumerate(colours)}
    key = " ".join(f'<span style="color:{fill}">&#9632; {escape(colour or "none")}</span>' for colour, fill in fills.items())
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Run {escape(report.run)}: {verdict}</title><style>{_STYLE}</style></head><body>
<h1>{report.answered:,} answered, {len(report.switches)} switches: {verdict}</h1>
<h2>Answers a second {key}</h2>{_rate_strip(report, fills)}
<h2>Latency, ms (logarithmic) <span style="color:#3b7ddd">&#9632; p50</span> <span style="color:#b8772b">&#9632; p99</span></h2>
{_latency_strip(report)}
<h2>Faults a second</h2>{_fault_strip(report)}
<pre>{escape(report.table())}</pre></body></html>
"""


def _rate_strip(report: Report, fills: dict[str, str]) -> str:
    top = max((sum(second.by_colour.values()) for second in report.timeline), default=1)
    bars = []
    for second in report.timeline:
        floor = 0
        for colour, fill in fills.items():
            count = second.by_colour.get(colour, 0)
            bars.append(_bar(report, second.second, floor / top, (floor + count) / top, f'fill="{fill}"'))
            floor += count
    return _strip(report, bars, [(0.0, "0"), (1.0, f"{top:,}")])


def _latency_strip(report: Report) -> str:
    measured = [second for second in report.timeline if second.p99_ms > 0]
    # From a tenth of a millisecond to the decade above the slowest.
    decades = max(1, math.ceil(math.log10(max((second.p99_ms for second in measured), default=1.0) * 10)))

    def line(look: str, values: Iterable[float]) -> str:
        heights = [math.log10(max(value, 0.1) * 10) / decades for value in values]
        points = (f"{_x(report, second.second + 0.5):.1f},{_y(height):.1f}" for second, height in zip(measured, heights, strict=True))
        return f'<polyline class="{look}" points="{" ".join(points)}"/>'

    lines = [line("p50", (second.p50_ms for second in measured)), line("p99", (second.p99_ms for second in measured))]
    return _strip(report, lines, [(power / decades, f"{10 ** (power - 1):g}") for power in range(decades + 1)])


def _fault_strip(report: Report) -> str:
    top = max((second.bad for second in report.timeline), default=0) or 1
    bars = [_bar(report, second.second, 0, second.bad / top, 'class="bad"') for second in report.timeline if second.bad]
    return _strip(report, bars, [(0.0, "0"), (1.0, f"{top:,}")])


def _strip(report: Report, shapes: Iterable[str], ticks: Iterable[tuple[float, str]]) -> str:
    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{label}</text>'
        for share, label in ticks
    )
    marks = "".join(_mark(report, mark) for mark in report.switches)
    step = next((step for step in _STEPS if report.seconds / step <= 12), _STEPS[-1])
    times = "".join(
        f'<text x="{_x(report, second):.1f}" y="{_STRIP - 5}" text-anchor="middle">{second} s</text>'
        for second in range(0, int(report.seconds) + 1, step)
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_STRIP}" role="img">{grid}{"".join(shapes)}{marks}{times}</svg>'


def _mark(report: Report, mark: SwitchMark) -> str:
    x = f"{_x(report, mark.committed):.1f}"
    story = escape(f"switch {mark.number} at {mark.committed:.3f} s: {mark.before} to {mark.after or mark.error}")
    return f'<line class="switch" x1="{x}" x2="{x}" y1="10" y2="{_STRIP - 20}"><title>{story}</title></line>'


def _bar(report: Report, second: int, floor: float, top: float, look: str) -> str:
    left, right = _x(report, second), _x(report, min(second + 1, report.seconds))
    return f'<rect x="{left:.1f}" y="{_y(top):.1f}" width="{max(right - left, 0.5):.1f}" height="{_y(floor) - _y(top):.1f}" {look}/>'


def _x(report: Report, second: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(second / max(report.seconds, 1e-9), 1.0)


def _y(share: float) -> float:
    return (_STRIP - 20) - (_STRIP - 30) * share
