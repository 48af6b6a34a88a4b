"""The player: a source of snapshots that plays a recording in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachedesk.core.snapshot import Mark, Snapshot
from cachedesk.recording.playable import Playable

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
SLOWEST, FASTEST = SPEEDS[0], SPEEDS[-1]


@dataclass(frozen=True, slots=True)
class Playback:
    """The position of a player: its record and second of all, whether it plays, and its speed in
    seconds of the recording per second."""

    record: int
    records: int
    seconds: float
    length_seconds: float
    playing: bool
    speed: float

    @property
    def ended(self) -> bool:
        """Whether it has stopped at the end."""
        return self.record == self.records - 1 and not self.playing


class Player:
    """A ``Source`` that plays a recording. Thread-safe: one thread may control it, another read."""

    def __init__(
        self,
        recording: Playable,
        *,
        speed: float = 1.0,
        playing: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at the first record.

        Args:
            recording: the recording.
            speed: seconds of the recording per second, 0.25 to 16.
            playing: whether it plays from the start.
            clock: returns seconds of any monotonic clock.
        """
        self._recording = recording
        self._clock = clock
        self._lock = threading.Lock()
        self._speed = min(FASTEST, max(SLOWEST, speed))
        self._playing = playing
        self._position = recording.begins_seconds
        self._since = clock()

    def snapshot(self) -> Snapshot:
        """Return the snapshot at the current position, exactly as recorded.

        Raises:
            RecordingError: the file was changed meanwhile, or is invalid.
        """
        return self.look()[1]

    def look(self) -> tuple[int, Snapshot]:
        """Return the number of the current record, and its snapshot.

        Raises:
            RecordingError: as ``snapshot``.
        """
        record = self.where().record
        return record, self._recording.at(record)

    @property
    def recording(self) -> Playable:
        """What is played."""
        return self._recording

    @property
    def started_at(self) -> float:
        """When the recording began, in wall-clock seconds since 1970."""
        return self._recording.started_at

    def fault_seconds(self) -> tuple[float, ...]:
        """Return the seconds of the recording at which the newest faults began, at most 100.

        Raises:
            RecordingError: as ``snapshot``.
        """
        marks = self.marks()
        return tuple(it.start_at - self.started_at for it in marks if not it.is_bookmark)

    def marks(self) -> tuple[Mark, ...]:
        """Return the newest faults and the bookmarks.

        Raises:
            RecordingError: as ``snapshot``.
        """
        return self._recording.at(len(self._recording) - 1).marks

    def where(self) -> Playback:
        """Return the current position."""
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
        """Pause or resume; at the end, play from the start."""
        with self._lock:
            self._move()
            if not self._playing and self._position >= self._recording.length_seconds:
                self._position = self._recording.begins_seconds
            self._playing = not self._playing

    def step(self, records: int) -> None:
        """Pause, and move forward by this many records, or back if it is negative."""
        with self._lock:
            self._move()
            self._playing = False
            record = self._recording.record_at(self._position) + records
            self._position = self._recording.seconds(max(0, min(record, len(self._recording) - 1)))

    def seek(self, seconds: float) -> None:
        """Go to this second of the recording, or the nearest; keep playing or paused."""
        with self._lock:
            self._move()
            self._position = self._within(seconds)

    def skip(self, seconds: float) -> None:
        """Move forward by this many seconds, or back if it is negative."""
        with self._lock:
            self._move()
            self._position = self._within(self._position + seconds)

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

    def _within(self, seconds: float) -> float:
        return max(self._recording.begins_seconds, min(seconds, self._recording.length_seconds))

    def _move(self) -> None:
        """Advance by the time since the last call; stop at the end."""
        now = self._clock()
        passed, self._since = max(0.0, now - self._since), now
        if self._playing:
            self._position += passed * self._speed
            if self._position >= self._recording.length_seconds:
                self._position, self._playing = self._recording.length_seconds, False
