"""Clips: the time of each fault, from a little before it to its recovery."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.core.snapshot import Mark, Snapshot
from cachedesk.desk.views.formats import clock, span
from cachedesk.desk.views.incidents import incidents

BEFORE_SECONDS = 5.0
AFTER_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Clip:
    """The clip of a fault: its name, when it began, and the times of the clip, all in seconds since
    1970. ``recovered``: whether the fault was over."""

    fault: str
    at: float
    start_at: float
    end_at: float
    recovered: bool = True

    @property
    def title(self) -> str:
        """The fault and when it began: ``redis.down 19:44:34``."""
        return f"{self.fault} {clock(self.at)}"

    @property
    def about(self) -> str:
        """How long it is, to the recovery or, if the fault is not over yet, so far."""
        length = span(max(0.0, self.end_at - self.start_at))
        return length if self.recovered else f"{length} so far"


def clips(newest: Snapshot, begins_at: float) -> tuple[Clip, ...]:
    """Return the clip of each fault, the newest first.

    Args:
        newest: the newest snapshot, whose marks and events say what happened.
        begins_at: the oldest moment that can be shown; faults before it have no clip.
    """
    known = incidents(newest.events, newest.marks)
    found = []
    for mark in newest.marks:
        if mark.is_bookmark or mark.start_at < begins_at:
            continue
        end_at = mark.end_at
        for incident in known:
            if incident.fault == mark.name and abs(incident.started_at - mark.start_at) < 1.0:
                # A fault is over when everything works again, which may be later than its end.
                end_at = incident.ended_at
        found.append(_clip(mark, end_at, newest.at, begins_at))
    return tuple(sorted(found, key=lambda clip: clip.at, reverse=True))


def _clip(mark: Mark, over_at: float | None, newest_at: float, begins_at: float) -> Clip:
    end_at = newest_at if over_at is None else min(newest_at, over_at + AFTER_SECONDS)
    start_at = max(begins_at, mark.start_at - BEFORE_SECONDS)
    return Clip(mark.name, mark.start_at, start_at, max(start_at, end_at), over_at is not None)
