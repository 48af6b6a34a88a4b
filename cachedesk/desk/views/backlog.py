"""The backlog: how far the database is behind while the worker can flush, and for how long still.

Also what a locked or full database refuses meanwhile. Both are computed from the history, so a
recording shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.snapshot import Health, Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.views.formats import ABSENT, about, compact, span
from cachedesk.desk.views.history import recent

BEHIND_SECONDS = 5.0
"""How much older than a batch may get the oldest event is when there is a backlog."""

STALE_SECONDS = 60.0
"""How long a stale read stays news."""


def oldest_age(snapshot: Snapshot) -> str:
    """Return the age of the oldest write that is not in the database yet. It is not known of writes
    that are in no log."""
    if not snapshot.safeguards.log and snapshot.log.depth:
        return ABSENT
    return span(snapshot.log.oldest_seconds)


@dataclass(frozen=True, slots=True)
class Backlog:
    """A log whose oldest event is overdue.

    Args:
        events: the number of events that wait.
        behind_seconds: the age of the oldest.
        per_second: how many the worker applies.
        left_seconds: when it will be empty at this rate; ``None``: it does not shrink.
    """

    events: int
    behind_seconds: float
    per_second: float
    left_seconds: float | None

    @property
    def sentence(self) -> str:
        """The backlog in words."""
        waiting = count_of(self.events, "event")
        behind = f"database {about(self.behind_seconds)} behind"
        if self.left_seconds is None:
            return f"the log fills faster than it drains: {waiting}, {behind}"
        return f"draining: {waiting}, {behind}, about {about(self.left_seconds)} left"

    @property
    def shorter(self) -> tuple[str, ...]:
        """The same in fewer words."""
        if self.left_seconds is None:
            behind = f"database {about(self.behind_seconds)} behind"
            return (f"the log fills: {count_of(self.events, 'event')}, {behind}",)
        left = f"about {about(self.left_seconds)} left"
        return (f"draining: {count_of(self.events, 'event')}, {left}",)

    @property
    def word(self) -> str:
        """What the worker does, in a word and a figure."""
        return f"draining {compact(round(self.per_second))}/s"


def backlog(snapshot: Snapshot) -> Backlog | None:
    """Return the backlog that the worker is draining; ``None`` if nothing is overdue or it cannot
    flush."""
    worker, log = snapshot.worker, snapshot.log
    works = Health.UP is worker.health is snapshot.database.health and not worker.paused
    overdue = log.oldest_seconds - worker.batch_age_seconds >= BEHIND_SECONDS
    if not (works and overdue and snapshot.safeguards.log):
        return None
    applied, arriving = flow_of_events(snapshot)
    shrinking = applied - arriving
    left = log.depth / shrinking if shrinking > 0 else None
    return Backlog(log.depth, log.oldest_seconds, applied, left)


def flow_of_events(snapshot: Snapshot) -> tuple[float, float]:
    """Return how many events the worker applied and how many entered the log, per second."""
    ticks = recent(snapshot)
    seconds = max(0.001, len(ticks) * snapshot.tick_seconds)
    applied = max(0, sum(tick.applied - tick.through for tick in ticks))
    return applied / seconds, sum(tick.behind for tick in ticks) / seconds


def stale_reads(snapshot: Snapshot) -> int:
    """Return the number of stale reads in the last minute."""
    return sum(tick.stale for tick in snapshot.ticks if tick.at > snapshot.at - STALE_SECONDS)


def refusals(snapshot: Snapshot) -> int:
    """Return how many calls were unavailable since the oldest active fault of the database; 0
    without one. The history bounds the count."""
    since = [
        mark.start_at
        for mark in snapshot.marks
        if mark.end_at is None and mark.name.startswith("database.")
    ]
    if not since:
        return 0
    return sum(tick.unavailable for tick in snapshot.ticks if tick.at > min(since))
