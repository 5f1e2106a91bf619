"""Drawings over the time of a run, as SVG without any script: they share one axis, so that one looks from one to the next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, LEFT, RIGHT = 1000, 64, 12
_TOP, _BELOW = 8, 22
# Seconds between two marks of the time axis.
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
# Milliseconds; below that a latency is drawn as if it were that.
_SHORTEST = 0.1

Tick = tuple[float, str]


@dataclass(frozen=True)
class Band:
    """A stretch of time that stands out."""

    start: float
    end: float
    look: str
    story: str


@dataclass
class Chart:
    seconds: float
    height: int
    bands: Sequence[Band] = ()
    # Moments that are marked in every chart, each with its story.
    marks: Sequence[tuple[float, str]] = ()
    _shapes: list[str] = field(default_factory=list)

    def x(self, second: float) -> float:
        share = min(max(second / max(self.seconds, 1e-9), 0.0), 1.0)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)

    def y(self, share: float) -> float:
        floor = self.height - _BELOW
        return round(floor - (floor - _TOP) * min(max(share, 0.0), 1.0), 1)

    def area(self, steps: Sequence[tuple[float, float, float, float]], look: str, story: str = "") -> None:
        """Of steps: start, end, floor and top, these two as shares of the height."""
        path = "".join(
            f"M{self.x(start)} {self.y(floor)}V{self.y(top)}H{self.x(end)}V{self.y(floor)}Z"
            for start, end, floor, top in steps
            if top > floor
        )
        self._shapes.append(f'<path class="area" style="fill:{look}" d="{path}">{_title(story)}</path>')

    def line(self, points: Iterable[tuple[float, float]], look: str) -> None:
        where = " ".join(f"{self.x(second)},{self.y(share)}" for second, share in points)
        self._shapes.append(f'<polyline class="{look}" points="{where}"/>')

    def dots(self, points: Iterable[tuple[float, float, str]], look: str) -> None:
        self._shapes += [
            f'<circle class="{look}" cx="{self.x(second)}" cy="{self.y(share)}" r="2">{_title(story)}</circle>'
            for second, share, story in points
        ]

    def svg(self, name: str, ticks: Iterable[Tick]) -> str:
        right, floor = WIDTH - RIGHT, self.height - _BELOW
        bands = "".join(
            f'<rect class="{band.look}" x="{self.x(band.start)}" y="{_TOP}" width="{max(self.x(band.end) - self.x(band.start), 0.6):.1f}" '
            f'height="{floor - _TOP}">{_title(band.story)}</rect>'
            for band in self.bands
        )
        grid = "".join(
            f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{self.y(share)}" y2="{self.y(share)}"/>'
            f'<text x="{LEFT - 8}" y="{self.y(share) + 4}" text-anchor="end">{escape(label)}</text>'
            for share, label in ticks
        )
        marks = "".join(
            f'<line class="switch" x1="{self.x(second)}" x2="{self.x(second)}" y1="{_TOP}" y2="{floor}">{_title(story)}</line>'
            for second, story in self.marks
        )
        shapes = "".join(self._shapes)
        head = f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(name)}">'
        return f"{head}{bands}{grid}{shapes}{marks}{self._times()}</svg>"

    def _times(self) -> str:
        step = next((step for step in _STEPS if self.seconds / step <= 12), _STEPS[-1])
        return "".join(
            f'<text x="{self.x(second)}" y="{self.height - 6}" text-anchor="middle">{second} s</text>'
            for second in range(0, int(self.seconds) + 1, step)
        )


def ticks_up_to(top: float) -> tuple[float, list[Tick]]:
    """A round number at or above `top`, and three to five ticks up to it as shares of it."""
    size = 10.0 ** math.floor(math.log10(max(top, 1)))
    step = next(step for step in (size / 5, size / 2, size, size * 2) if max(top, 1) / step <= 5)
    count = math.ceil(max(top, 1) / step)
    return step * count, [(number / count, f"{number * step:,.0f}" if step >= 1 else f"{number * step:g}") for number in range(count + 1)]


class LogScale:
    """Milliseconds over whole decades."""

    def __init__(self, fastest: float, slowest: float) -> None:
        self._lowest = math.floor(math.log10(max(fastest, _SHORTEST)))
        self._decades = max(1, math.ceil(math.log10(max(slowest, _SHORTEST))) - self._lowest)

    def share(self, milliseconds: float) -> float:
        return (math.log10(max(milliseconds, _SHORTEST)) - self._lowest) / self._decades

    @property
    def ticks(self) -> list[Tick]:
        return [(power / self._decades, f"{10.0 ** (self._lowest + power):g}") for power in range(self._decades + 1)]


def _title(story: str) -> str:
    return f"<title>{escape(story)}</title>" if story else ""
