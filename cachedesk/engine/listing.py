"""Listings of the truth: every key with its value, rows with pending events folded in."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterator

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import DatabaseError, Unavailable
from cachedesk.core.events import ABSENT, Entry, fold
from cachedesk.core.ports import SystemOfRecord, Truths
from cachedesk.core.truth import Item, Page
from cachedesk.engine.backlog.pending_events import PendingEvents

_KEYS_PER_PAGE = 2_000


class Listing:
    """The truth of a stack in use, page by page.

    A page shows about one moment; between two pages the stack keeps changing. A single read
    transaction for all pages would keep SQLite from resetting its write-ahead log, which would
    grow for as long as the reader takes.
    """

    def __init__(self, pending: PendingEvents, database: SystemOfRecord, truths: Truths) -> None:
        """Begin a listing.

        Args:
            pending: the pending events; a key that becomes pending only later may be left out.
            database: the system of record.
            truths: returns the true entries of keys.
        """
        # First the pending keys, then the rows: a key that is flushed in between has a row by then.
        self._waiting = sorted(pending.keys())
        self._database = database
        self._truths = truths

    def page(self, after: bytes) -> Page:
        """Return the page of the keys above ``after``.

        Raises:
            Unavailable: the database cannot be read.
        """
        start = bisect.bisect_right(self._waiting, after)
        waiting = self._waiting[start : start + _KEYS_PER_PAGE]
        try:
            keys = self._database.keys_after(after, _KEYS_PER_PAGE)
            keys = sorted({*keys, *waiting})[:_KEYS_PER_PAGE]
            truths = self._truths(keys)
        except DatabaseError as error:
            raise Unavailable(f"the truth cannot be listed: {error}") from error
        items = [(key, value) for key in keys if (value := truths[key].value) is not None]
        return Page(items, keys[-1] if len(keys) == _KEYS_PER_PAGE else None)


def truth(pending: PendingEvents, database: SystemOfRecord) -> Iterator[Item]:
    """Yield every key with its value, sorted by the keys' bytes. No stack may use the files.

    Raises:
        Unavailable: the database cannot be read.
    """
    now = wall_seconds()
    waiting = {key: fold(ABSENT, events).as_of(now) for key, events in pending.all().items()}
    try:
        rows = ((key, fold(row, pending.events(key)).as_of(now)) for key, row in database.scan())
        last: bytes | None = None
        # heapq.merge is stable: if a key is in both inputs, the row comes first and is used.
        for key, row in heapq.merge(rows, sorted(waiting.items(), key=_key), key=_key):
            if key != last and row.value is not None:
                yield key, row.value
            last = key
    except DatabaseError as error:
        raise Unavailable(f"the truth cannot be listed: {error}") from error


def _key(item: tuple[bytes, Entry]) -> bytes:
    return item[0]
