"""The player: a source of snapshots that moves along a recording as time goes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.recording_file import RecordingFile

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
SLOWEST, FASTEST = SPEEDS[0], SPEEDS[-1]


@dataclass(frozen=True, slots=True)
class Playback:
    """Where a player is: at which of how many records, at which second of how many, whether it
    moves on, and how many seconds of the recording pass in one of ours."""

    record: int
    records: int
    seconds: float
    length_seconds: float
    playing: bool
    speed: float

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self.record == self.records - 1 and not self.playing


class Player:
    """A ``Source`` that plays a recording. Thread-safe: one thread may steer it, another read."""

    def __init__(
        self,
        recording: RecordingFile,
        *,
        speed: float = 1.0,
        playing: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at the first record.

        Args:
            recording: what to play.
            speed: seconds of the recording per second, 0.25 to 16.
            playing: whether it moves on by itself from the beginning.
            clock: seconds of any clock that goes forward.
        """
        self._recording = recording
        self._clock = clock
        self._lock = threading.Lock()
        self._speed = min(FASTEST, max(SLOWEST, speed))
        self._playing = playing
        self._position = 0.0
        self._since = clock()

    def snapshot(self) -> Snapshot:
        """Return what was recorded at the place where the player is, exactly.

        Raises:
            RecordingError: the file was changed meanwhile, or holds what it may not.
        """
        return self.look()[1]

    def look(self) -> tuple[int, Snapshot]:
        """Return which record the player is at, and its snapshot.

        Raises:
            RecordingError: as ``snapshot``.
        """
        record = self.where().record
        return record, self._recording.at(record)

    def fault_seconds(self) -> tuple[float, ...]:
        """Return the seconds of the recording at which the newest faults began, at most 100.

        Raises:
            RecordingError: as ``snapshot``.
        """
        marks = self._recording.at(len(self._recording) - 1).marks
        return tuple(mark.start_at - self._recording.header.started_at for mark in marks)

    def where(self) -> Playback:
        """Return where the player is."""
        with self._lock:
            self._move()
            return Playback(
                record=self._recording.record_at(self._position),
                records=len(self._recording),
                seconds=self._position,
                length_seconds=self._recording.length_seconds,
                playing=self._playing,
                speed=self._speed,
            )

    def toggle(self) -> None:
        """Pause, or play on; at the end, play from the start."""
        with self._lock:
            self._move()
            if not self._playing and self._position >= self._recording.length_seconds:
                self._position = 0.0
            self._playing = not self._playing

    def step(self, records: int) -> None:
        """Pause, and go this many records forward, or back when it is below zero."""
        with self._lock:
            self._move()
            self._playing = False
            record = self._recording.record_at(self._position) + records
            self._position = self._recording.seconds(max(0, min(record, len(self._recording) - 1)))

    def seek(self, seconds: float) -> None:
        """Go to this second of the recording, or as near as there is; play or pause as before."""
        with self._lock:
            self._move()
            self._position = max(0.0, min(seconds, self._recording.length_seconds))

    def skip(self, seconds: float) -> None:
        """Go this many seconds forward, or back when it is below zero."""
        with self._lock:
            self._move()
            self._position = max(0.0, min(self._position + seconds, self._recording.length_seconds))

    def faster(self) -> None:
        """Take the next higher speed of ``SPEEDS``."""
        with self._lock:
            self._move()
            self._speed = next((each for each in SPEEDS if each > self._speed), FASTEST)

    def slower(self) -> None:
        """Take the next lower speed of ``SPEEDS``."""
        with self._lock:
            self._move()
            self._speed = next((each for each in reversed(SPEEDS) if each < self._speed), SLOWEST)

    def _move(self) -> None:
        """Go as far as time has gone since the last look; at the end, stand still."""
        now = self._clock()
        passed, self._since = max(0.0, now - self._since), now
        if self._playing:
            self._position += passed * self._speed
            if self._position >= self._recording.length_seconds:
                self._position, self._playing = self._recording.length_seconds, False
