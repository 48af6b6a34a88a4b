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
        self._part: tuple[float, float] | None = None

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
            self._leave_the_part()
            self._return_at_the_end(forward=seconds > 0)

    def skip_to(self, seconds: float) -> None:
        """Move by this many seconds, without returning to now at the end."""
        if self.player is not None:
            self.player.skip(seconds)

    def step(self, records: int) -> None:
        """Stop, and move by this many records; past the newest moment, return."""
        if records < 0:
            self.stand()
        if self.player is not None:
            at_the_end = self._at_the_end(self.player.where())
            self.player.step(records)
            self._leave_the_part()
            if at_the_end:
                self._return_at_the_end(forward=records > 0)

    def go_to(self, at: float) -> None:
        """Show the last snapshot at or before this time, in wall-clock seconds since 1970."""
        self.stand()
        self._part = None
        if self.player is not None:
            self.player.seek(at - self.ring.started_at)

    def go_back_to_now(self) -> None:
        """Show the newest snapshots again."""
        self.player = self._part = None

    def play(self, start_at: float, end_at: float) -> None:
        """Play from one time to another, in wall-clock seconds since 1970, and stop there."""
        self.go_to(start_at)
        if self.player is not None:
            started_at = self.ring.started_at
            self._part = max(self.ring.begins_seconds, start_at - started_at), end_at - started_at
            if not self.player.where().playing:
                self.player.toggle()

    def toggle(self) -> None:
        """Play on or pause; at the end of a part, play on beyond it."""
        if self.player is not None:
            if self._part is not None and self.player.where().seconds >= self._part[1]:
                self._part = None
            self.player.toggle()

    @property
    def plays_part(self) -> bool:
        """Whether the position is within a part that was played with ``play``."""
        return self._part is not None

    def where(self) -> Playback | None:
        """Return the position, in seconds since the oldest record that is kept or since the start
        of the part that is played; ``None``: now."""
        if self.player is None:
            return None
        where, begins = self.player.where(), self.ring.begins_seconds
        ends, first = where.length_seconds, self.ring.first
        if self._part is not None:
            begins, ends = self._part
            if where.seconds > ends:
                # It has played on since the last look.
                if where.playing:
                    self.player.toggle()
                self.player.seek(ends)
                where = self.player.where()
        return Playback(
            record=where.record - first,
            # Now is one record further: the past is never at its end.
            records=where.records - first + 1,
            seconds=max(0.0, where.seconds - begins),
            length_seconds=max(0.0, ends - begins),
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

    def _leave_the_part(self) -> None:
        """Forget the part that was played once the user has moved out of it."""
        if self._part is not None and self.player is not None:
            begins, ends = self._part
            if not begins <= self.player.where().seconds <= ends:
                self._part = None

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
