"""Trimming: a tombstone of a deleted key is removed once no event of the key can be delivered
again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import DatabaseRefused
from cachedesk.core.events import WriteEvent
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.poison.decisions import LOCK_SECONDS


class Trimmer:
    """Removes tombstones. Used only by the worker's thread."""

    def __init__(
        self, backlog: Backlog, database: SystemOfRecord, announce: Announce, reach: Reach
    ) -> None:
        self._backlog = backlog
        self._database = database
        self._announce = announce
        self._reach = reach
        self._cannot_trim = ""

    def trim(self, events: Sequence[WriteEvent]) -> None:
        """Remove tombstones that are no longer needed.

        Args:
            events: the batch that was just read from the log and is not applied yet.
        """
        through_seq = self._backlog.acked_through
        if events:
            # The batch may be acked already: an ack that failed may have taken effect.
            through_seq = min(through_seq, events[0].seq - 1)
        self._reach("worker.trim.before")
        try:
            self._database.trim(through_seq, time.monotonic() + LOCK_SECONDS)
        except DatabaseRefused as error:
            # A trigger that forbids DELETE costs space; it must not stop the flushing.
            if self._cannot_trim != str(error):
                self._announce(EventCode.DATABASE_CANNOT_TRIM, error=str(error))
            self._cannot_trim = str(error)
        self._reach("worker.trim.after")
