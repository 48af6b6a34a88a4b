"""The time machine: the newest snapshots of a desk's source, and the moment of them to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.snapshot import Snapshot, Source
from cachedesk.desk.views.timespan import WINDOWS, Later
from cachedesk.recording.player import Playback, Player
from cachedesk.recording.ring import Ring


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the past: its record, its snapshot, and what is known after it."""

    record: int
    snapshot: Snapshot
    later: Later | None


class TimeMachine:
    """A ``Source`` that keeps what it gives, and looks back into it. Thread-safe.

    Args:
        source: gives the newest snapshots.
        ring: keeps them.
        clock: returns seconds of any monotonic clock.
    """

    def __init__(
        self,
        source: Source,
        ring: Ring | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self.ring = Ring() if ring is None else ring
        self._clock = clock
        self.player: Player | None = None
        """Plays the past; ``None`` while the newest snapshot is shown."""

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot, and keep it."""
        snapshot = self._source.snapshot()
        self.ring.add(snapshot)
        return snapshot

    @property
    def looks_back(self) -> bool:
        """Whether a moment of the past is to be shown."""
        return self.player is not None

    def stand(self) -> None:
        """Stand still at the newest moment, unless it looks back already."""
        if self.player is None and len(self.ring):
            self.player = Player(self.ring, playing=False, clock=self._clock)
            self.player.seek(self.ring.length_seconds)

    def skip(self, seconds: float) -> None:
        """Move by this many seconds, back if it is negative; past the newest moment, return."""
        if seconds < 0:
            self.stand()
        if self.player is not None:
            self.player.skip(seconds)
            self._return_at_the_end(forward=seconds > 0)

    def step(self, records: int) -> None:
        """Stop, and move by this many records; past the newest moment, return."""
        if records < 0:
            self.stand()
        if self.player is not None:
            at_the_end = self._at_the_end(self.player.where())
            self.player.step(records)
            if at_the_end:
                self._return_at_the_end(forward=records > 0)

    def go_to(self, at: float) -> None:
        """Show the last snapshot at or before this time, in wall-clock seconds since 1970."""
        self.stand()
        if self.player is not None:
            self.player.seek(at - self.ring.started_at)

    def go_back_to_now(self) -> None:
        """Show the newest snapshots again."""
        self.player = None

    def where(self) -> Playback | None:
        """Return the position, in seconds since the oldest record that is kept; ``None``: now."""
        if self.player is None:
            return None
        where, begins = self.player.where(), self.ring.begins_seconds
        first = self.ring.first
        return Playback(
            record=where.record - first,
            # Now is one record further: the past is never at its end.
            records=where.records - first + 1,
            seconds=max(0.0, where.seconds - begins),
            length_seconds=where.length_seconds - begins,
            playing=where.playing,
            speed=where.speed,
        )

    def moment(self) -> Moment | None:
        """Return the moment to show; ``None``: now. May take some milliseconds."""
        player = self.player
        if player is None:
            return None
        record, shown = player.look()
        newest = after = self.ring.at(len(self.ring) - 1)
        if shown.ticks and newest.ticks and newest.ticks[0].at > shown.ticks[-1].at - WINDOWS[-1]:
            # The history of the newest snapshot does not reach back that far.
            seconds = self.ring.seconds(record) + WINDOWS[-1] / 2
            after = self.ring.at(self.ring.record_at(seconds))
        return Moment(record, shown, Later.of(shown, after, newest))

    def _return_at_the_end(self, *, forward: bool) -> None:
        if forward and self.player is not None and self._at_the_end(self.player.where()):
            self.player = None

    def _at_the_end(self, where: Playback) -> bool:
        return where.record >= len(self.ring) - 1


class Past:
    """The moments of a time machine as a source that a ``Puller`` pulls from."""

    def __init__(self, machine: TimeMachine) -> None:
        self._machine = machine

    def snapshot(self) -> Moment | None:
        """Return the moment to show; ``None``: now."""
        return self._machine.moment()
