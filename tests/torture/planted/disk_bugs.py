"""Planted bugs of what is done when the disk fails; the mode syscalls finds them."""

from __future__ import annotations

import sqlite3

from cachedesk.core.errors import OutcomeUnknown
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.sqlite import sqlite_database as database_module
from tests.torture.planted.plant import Plant


def failed_append_acknowledged(plant: Plant) -> None:
    """A commit of the log that failed is taken as done."""
    append = QueueLog.append

    def bad(self, events):
        try:
            append(self, events)
        except OutcomeUnknown:
            self._failure = ""

    plant.setattr(QueueLog, "append", bad)


def failed_sync_retried(plant: Plant) -> None:
    """A sync of the log that failed is tried again, and what that says is believed."""
    append = QueueLog.append

    def bad(self, events):
        try:
            append(self, events)
        except OutcomeUnknown:
            self._failure = ""
            append(self, events)

    plant.setattr(QueueLog, "append", bad)


def failed_commit_acknowledged(plant: Plant) -> None:
    """A commit of the database that failed is taken as done."""

    def bad(connection):
        try:
            connection.execute("COMMIT")
        except sqlite3.Error:
            return

    plant.setattr(database_module, "commit", bad)


ON_DISK = (failed_append_acknowledged, failed_sync_retried, failed_commit_acknowledged)

__all__ = ["ON_DISK"]
