"""What can be played: a file, or the newest snapshots in memory."""

from __future__ import annotations

from typing import Protocol

from cachedesk.core.snapshot import Snapshot


class Playable(Protocol):
    """Records in order, with their times in seconds since the first.

    It may grow at its end and lose its oldest records; their numbers then stand for the oldest that
    is left.
    """

    def __len__(self) -> int:
        """The number of records, at least one."""
        ...

    @property
    def started_at(self) -> float:
        """When it began, in wall-clock seconds since 1970."""
        ...

    @property
    def begins_seconds(self) -> float:
        """The time of the oldest record that is left."""
        ...

    @property
    def length_seconds(self) -> float:
        """The time of the last record."""
        ...

    def seconds(self, record: int) -> float:
        """Return the time of ``record``."""
        ...

    def record_at(self, seconds: float) -> int:
        """Return the number of the last record at or before this second."""
        ...

    def at(self, record: int) -> Snapshot:
        """Return the snapshot of this record."""
        ...
