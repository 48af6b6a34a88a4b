"""The fault of the write-behind log: a full disk under it."""

from __future__ import annotations

from cachedesk.core.fault import Fault
from cachedesk.stores.queue_log.queue_log import QueueLog


class LogFull(Fault):
    """SQLite says "database or disk is full" to every append."""

    name, title, lasting = "log.full", "fill the disk under the log: write-behind is refused", True

    def __init__(self, log: QueueLog) -> None:
        self._log = log
        self._active = False

    def inject(self, argument: str = "") -> str:
        self._log.set_disk_full(True)
        self._active = True
        return "the disk under the log is full, SQLite finds"

    def heal(self) -> None:
        if self._active:
            self._log.set_disk_full(False)
            self._active = False
