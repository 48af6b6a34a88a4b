"""The timeline of a key: when its writes were accepted, were in Redis, and were in SQLite.

Now is at the right edge. A row for each of the three stages counts the writes that reached it in
each cell. Below them every write is a bar from when it was accepted to when it was applied, to
scale: a slow pipeline shows as long bars, and a pending write as a bar that ends now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cachedesk.core.key_report import KeyReport, RecentWrite
from cachedesk.desk.views.formats import number, span

WINDOWS = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
"""The windows to choose from, in seconds; those above a minute show only what still waits."""

MOST_BARS = 60
"""Up to this many writes are all drawn as bars; of more, a sample."""

_MOST_APPLIED_SECONDS = 60.0
_WRITES_IN_SIGHT = 8
_STAY = 0.8

ACCEPTED, NOT_CACHED, CACHED, APPLIED, WAITING, DEAD = "●○◆■▶✗"
GAP, OPEN_GAP, EARLIER, NOTHING, NOT_KNOWN = "━╌◂─·"


class Fate(Enum):
    """The outcome of a write."""

    APPLIED = "applied"
    WAITING = "waiting"
    DEAD = "dead"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class StageRow:
    """How many writes reached a stage, cell by cell: a dot for one, a digit, ``+`` above nine."""

    name: str
    cells: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One write: its bar from accepted to applied, and how long that took or has taken so far."""

    seq: str
    op: str
    cells: str
    gap: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Timeline:
    """The last ``seconds`` before ``at`` (seconds since 1970), on ``width`` cells."""

    at: float
    seconds: float
    width: int

    @property
    def begins_at(self) -> float:
        """The time of the left edge, in seconds since 1970."""
        return self.at - self.seconds

    def column(self, at: float) -> int:
        """Return the cell of a time; a time outside falls on the nearest edge."""
        place = int((at - self.begins_at) / self.seconds * self.width)
        return min(self.width - 1, max(0, place))

    def axis(self) -> str:
        """Return the labels of the time axis."""
        return f"-{span(self.seconds)}".ljust(self.width - 3) + "now"


def window_seconds(report: KeyReport, before: float | None = None) -> float:
    """Return the shortest of ``WINDOWS`` that shows all pending writes and the newest others.

    Args:
        report: the report on the key.
        before: the previous window, which is kept while it fits nearly as well, so that the scale
            does not alternate; ``None``: there is none.
    """
    ages = [report.at - write.accepted_at for write in report.writes if write.waiting]
    done = [write for write in report.writes if not write.waiting][-_WRITES_IN_SIGHT:]
    ages += [min(report.at - write.accepted_at, _MOST_APPLIED_SECONDS) for write in done]
    wanted = max(ages, default=WINDOWS[1])
    fits = next((window for window in WINDOWS if window >= wanted), WINDOWS[-1])
    shrinks = before is not None and fits < before
    return before if before and shrinks and wanted > _STAY * fits else fits


def stage_rows(report: KeyReport, line: Timeline) -> tuple[StageRow, ...]:
    """Return the rows of the three stages."""
    writes = report.writes
    since = report.writes_since
    return (
        _stage_row("accepted", [write.accepted_at for write in writes], since, line),
        _stage_row("in Redis", [write.cached_at for write in writes], since, line),
        _stage_row("in SQLite", [write.applied_at for write in writes], since, line),
    )


def bars(report: KeyReport, line: Timeline, room: int) -> tuple[tuple[Bar, ...], int]:
    """Return the bars of the visible writes, the newest last, and one in how many is drawn.

    Of more than ``MOST_BARS`` writes an even sample of ``room`` bars is drawn, so that a busy key
    shows more than its last milliseconds.
    """
    writes = [
        write
        for write in report.writes
        if max(write.accepted_at, write.applied_at or 0.0) >= line.begins_at or write.waiting
    ]
    one_in = -(-len(writes) // max(1, room)) if len(writes) > MOST_BARS else 1
    return tuple(_bar(write, line) for write in writes[::-1][::one_in][::-1]), one_in


def _stage_row(name: str, times: Iterable[float | None], since: float, line: Timeline) -> StageRow:
    counts = Counter(
        line.column(at) for at in times if at is not None and line.begins_at <= at <= line.at
    )
    known_from = line.column(since) if since > line.begins_at else 0
    return StageRow(
        name,
        "".join(
            _count(counts[column]) if column >= known_from or counts[column] else NOT_KNOWN
            for column in range(line.width)
        ),
    )


def _count(count: int) -> str:
    if count < 2:
        return ACCEPTED if count else NOTHING
    return str(count) if count < 10 else "+"


def _bar(write: RecentWrite, line: Timeline) -> Bar:
    fate = _fate(write)
    ends_at = line.at if fate is Fate.WAITING else write.applied_at or write.accepted_at
    start, end = line.column(write.accepted_at), line.column(ends_at)
    cells = [" "] * line.width
    if fate is Fate.WAITING:
        cells[start : end + 1] = [OPEN_GAP] * (end - start + 1)
    else:
        cells[start : end + 1] = [GAP] * (end - start + 1)
    cells[start] = NOT_CACHED if write.accepted_at >= line.begins_at else EARLIER
    if write.cached_at is not None and write.cached_at >= line.begins_at:
        cached = line.column(write.cached_at)
        cells[cached] = CACHED if cached > start else ACCEPTED
    if fate is Fate.APPLIED:
        cells[end] = APPLIED
    elif fate is Fate.WAITING:
        cells[end] = WAITING
    elif fate is Fate.DEAD:
        cells[end] = DEAD
    gap = span(max(0.0, ends_at - write.accepted_at))
    texts = {Fate.APPLIED: gap, Fate.WAITING: f"{gap}…", Fate.DEAD: "dead", Fate.UNCLEAR: "?"}
    return Bar(number(write.seq), write.op.name.lower(), "".join(cells), texts[fate], fate)


def _fate(write: RecentWrite) -> Fate:
    if write.waiting:
        return Fate.WAITING
    if write.applied_at is not None:
        return Fate.APPLIED
    return Fate.DEAD if write.dead else Fate.UNCLEAR
