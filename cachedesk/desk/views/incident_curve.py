"""The small curve of an incident: the hit rate, or the depth of the log, before, during and after.

It is drawn in one line, one block a column, with marks where the incident began and ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from cachedesk.desk.views.formats import compact
from cachedesk.desk.views.incident_figures import IncidentFigures, Point

_BLOCKS = "▁▂▃▄▅▆▇█"
_FEWEST_READS = 10
_NOW_SECONDS = 2.5
_LEAST_TOP = 100
"""The depth of the log up to which its curve stays low: a few events say nothing."""


class Phase(Enum):
    """The time to which a column belongs."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve over time.

    Args:
        label: what it shows.
        under: the label of the line that it explains.
        values: pairs of a time and a value, oldest first; ``None``: nothing was measured.
        top: the value of a full block.
        started_at: when the incident began.
        ended_at: when it ended; ``None``: it has not.
        before: the value before it, as text.
        now: the newest value, as text.
        extreme: the lowest or highest value, in words.
    """

    label: str
    under: str
    values: tuple[tuple[float, float | None], ...]
    top: float
    started_at: float
    ended_at: float | None
    before: str
    now: str
    extreme: str

    def columns(self, width: int) -> list[tuple[str, Phase]]:
        """Return ``width`` columns, each a block or a mark, with its phase."""
        if width < 4 or not self.values:
            return []
        first, last = self.values[0][0], self.values[-1][0]
        step = max(0.001, (last - first) / width)
        inside: list[list[float]] = [[] for _ in range(width)]
        points = [0] * width
        for at, value in self.values:
            column = min(width - 1, int((at - first) / step))
            points[column] += 1
            if value is not None:
                inside[column].append(value)
        cells: list[tuple[str, Phase]] = []
        for column, known in enumerate(inside):
            glyph = self._block(sum(known) / len(known)) if known else " "
            if not points[column] and cells:
                # More columns than there are points: a point stands in several.
                glyph = cells[-1][0]
            cells.append((glyph, self._phase(first + (column + 0.5) * step)))
        return self._marked(cells)

    def _block(self, value: float) -> str:
        share = min(1.0, max(0.0, value / self.top)) if self.top > 0 else 0.0
        return _BLOCKS[round(share * (len(_BLOCKS) - 1))]

    def _phase(self, at: float) -> Phase:
        if at < self.started_at:
            return Phase.BEFORE
        return Phase.DURING if self.ended_at is None or at < self.ended_at else Phase.AFTER

    def _marked(self, cells: list[tuple[str, Phase]]) -> list[tuple[str, Phase]]:
        phases = [phase for _, phase in cells]
        begun = next((n for n, it in enumerate(phases) if it is not Phase.BEFORE), None)
        if begun is None:
            return cells
        over = next((n for n, it in enumerate(phases) if it is Phase.AFTER), None)
        if over is not None and over > begun:
            cells[over] = ("▲", Phase.AFTER)
        cells[begun] = ("▼", Phase.DURING)
        return cells


def curve_of(figures: IncidentFigures) -> Curve | None:
    """Return the curve that shows the effect of an incident; ``None`` if there is no history."""
    incident = figures.incident
    if len(figures.points) < 2:
        return None
    earlier = [point for point in figures.points if point.at <= incident.started_at]
    newest = figures.points[-1].at - _NOW_SECONDS
    recent = [point for point in figures.points if point.at > newest]
    later = [point for point in figures.points if point.at > incident.started_at]
    if incident.part == "redis":
        rates = [rate for rate in map(_rate, _pairs(later)) if rate is not None]
        values = tuple((point.at, _rate([point])) for point in figures.points)
        before, now = _percent(_rate(earlier)), _percent(_rate(recent))
        extreme = f"lowest {min(rates):.0f} %" if rates else ""
        return Curve(
            "Hit rate",
            "Redis",
            values,
            100.0,
            incident.started_at,
            incident.ended_at,
            before,
            now,
            extreme,
        )
    if not figures.latest.safeguards.log:
        return None
    top = max(point.depth for point in figures.points)
    return Curve(
        "Log depth",
        "Database",
        tuple((point.at, float(point.depth)) for point in figures.points),
        float(max(_LEAST_TOP, top)),
        incident.started_at,
        incident.ended_at,
        compact(earlier[-1].depth) if earlier else "",
        compact(figures.points[-1].depth),
        f"highest {compact(max((point.depth for point in later), default=top))}",
    )


def _rate(points: Sequence[Point]) -> float | None:
    hits = sum(point.hits for point in points)
    reads = hits + sum(point.misses for point in points)
    return 100.0 * hits / reads if reads else None


def _pairs(points: Sequence[Point]) -> Iterable[Sequence[Point]]:
    """Return neighbouring points together, because single ones may have too few reads."""
    for pair in pairwise(points):
        if sum(point.hits + point.misses for point in pair) >= _FEWEST_READS:
            yield pair


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0f} %"
