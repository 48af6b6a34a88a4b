"""The timespan that the charts show: its length, and what is known after the moment shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cachedesk.core.snapshot import Mark, Snapshot, Tick

WINDOWS = (15.0, 30.0, 60.0, 120.0, 300.0)
"""The lengths to choose from, in seconds."""

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Later:
    """What happened after the moment that the desk shows: the charts draw it behind a cursor.

    Args:
        ticks: the ticks before and after the moment, oldest first; at least one.
        marks: the faults before and after it, as they are known now.
        newest_at: the time of the newest tick of all, in seconds since 1970.
    """

    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    newest_at: float

    @classmethod
    def of(cls, shown: Snapshot, after: Snapshot, newest: Snapshot) -> Later | None:
        """Return what is known after ``shown``; ``None`` if it has no history.

        Args:
            shown: the snapshot that the desk shows.
            after: a later one, whose ticks reach back to it.
            newest: the newest one.
        """
        if not shown.ticks or not after.ticks or not newest.ticks:
            return None
        # A mark is known by its start: it has an end once the fault is over.
        marks = {(mark.name, mark.start_at): mark for mark in (*shown.marks, *newest.marks)}
        return cls(after.ticks, tuple(marks.values()), newest.ticks[-1].at)


@dataclass(frozen=True, slots=True)
class Timespan:
    """A span of ``seconds`` that ends at the moment shown or, if ``later`` is known, at most half
    a span after it."""

    seconds: float = DEFAULT_SECONDS
    later: Later | None = None
    bookmarks: tuple[Mark, ...] = ()
    """The bookmarks of this desk, some of which the snapshots have too."""

    def zoomed(self, step: int) -> Timespan:
        """Return a shorter (``step`` 1) or longer (-1) span with the same end; 0: the default."""
        if step == 0:
            return replace(self, seconds=DEFAULT_SECONDS)
        place = WINDOWS.index(self.seconds) - step
        return replace(self, seconds=WINDOWS[min(len(WINDOWS) - 1, max(0, place))])

    def end_at(self, shown_at: float) -> float:
        """Return the end of the span around the moment ``shown_at``: a cursor that moves back goes
        to the middle of the charts, which then move with it."""
        if self.later is None:
            return shown_at
        return min(max(self.later.newest_at, shown_at), shown_at + self.seconds / 2)


NOW = Timespan()
"""The last minute."""
