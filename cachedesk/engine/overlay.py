"""The overlay: a row with the pending events of its key. All code reads the truth through it.

The pending events are read first and the row second: the other way round, a flush between the two
would hide an event from both. If the row was deleted and its tombstone trimmed in between, the
events would seem to come after it, because nothing holds their seq any more; then the key is read
again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import DatabaseError
from cachedesk.core.events import ABSENT, Entry, WriteEvent, fold
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import SystemOfRecord

ReadRows = Callable[[Sequence[bytes]], dict[bytes, Entry]]
"""Returns the rows of keys; keys without a row are left out. Raises ``DatabaseError``."""


class PendingView(Protocol):
    """The methods of ``PendingEvents`` that an overlay needs."""

    def events(self, key: bytes) -> tuple[WriteEvent, ...]:
        """Return the pending events of ``key``, oldest first."""
        ...

    def first_seq(self, key: bytes) -> int | None:
        """Return the seq of the oldest pending event of ``key``, ``None`` if there is none."""
        ...

    def decides(self, key: bytes, events: Sequence[WriteEvent]) -> bool:
        """Return whether ``events`` determine the value of ``key`` without its row."""
        ...

    def count(self, key: bytes) -> int:
        """Return how many events of ``key`` are pending."""
        ...


@dataclass(frozen=True, slots=True)
class Overlaid:
    """One key: its pending events and its row, read in this order.

    ``now``: when both had been read, in seconds since 1970. ``row``: ``None`` if it could not be
    read, because of ``error``. ``decided``: the events alone determine the value of the key.
    """

    events: tuple[WriteEvent, ...]
    now: float
    row: Entry | None = ABSENT
    decided: bool = False
    error: DatabaseError | None = None

    @property
    def known(self) -> bool:
        """Whether the value of the key is known."""
        return self.row is not None or self.decided

    @property
    def stored(self) -> Entry:
        """The true entry of the key as it was written, even if it has expired; meaningless unless
        it is ``known``."""
        return fold(self.row or ABSENT, self.events)

    @property
    def entry(self) -> Entry:
        """The true entry of the key, absent if it has expired; meaningless unless it is
        ``known``."""
        return self.stored.as_of(self.now)

    @property
    def ahead(self) -> tuple[WriteEvent, ...]:
        """The events that are not part of the row."""
        seq = self.row.seq if self.row is not None else 0
        return self.events[bisect_right(self.events, seq, key=attrgetter("seq")) :]


class OverlayReader:
    """Reads the truth of keys. Thread-safe."""

    def __init__(
        self, pending: PendingView, read_rows: ReadRows, reach: Reach = lambda point: None
    ) -> None:
        """Prepare.

        Args:
            pending: the events that are not part of a row.
            read_rows: reads rows.
            reach: reports that a failpoint is reached; by default there are none.
        """
        self._pending = pending
        self._read_rows = read_rows
        self._reach = reach

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Overlaid]:
        """Return the pending events and the row of each of ``keys``; never raises."""
        found: dict[bytes, Overlaid] = {}
        left = list(keys)
        while left:
            some = self._read(left)
            left = [key for key, overlaid in some.items() if self._has_moved(key, overlaid)]
            found |= some
        return found

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Overlaid]:
        pending = self._pending
        events = {key: pending.events(key) for key in keys}
        self._reach("repair.overlay.after")
        try:
            rows = self._read_rows(keys)
        except DatabaseError as error:
            return {
                key: Overlaid(its, wall_seconds(), None, pending.decides(key, its), error)
                for key, its in events.items()
            }
        self._reach("repair.row.after")
        now = wall_seconds()
        return {key: Overlaid(its, now, rows.get(key, ABSENT)) for key, its in events.items()}

    def _has_moved(self, key: bytes, overlaid: Overlaid) -> bool:
        row, events = overlaid.row, overlaid.events
        if row is None or row.seq or not events:
            return False
        return self._pending.first_seq(key) != events[0].seq


def rows_of(database: SystemOfRecord) -> ReadRows:
    """Return a function that reads rows of ``database``, a single one by the faster ``read``."""

    def read_rows(keys: Sequence[bytes]) -> dict[bytes, Entry]:
        if len(keys) == 1:
            return {keys[0]: database.read(keys[0])}
        return database.read_many(keys)

    return read_rows
