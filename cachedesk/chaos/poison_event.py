"""Faults of the write-behind log: a full disk under it, and an event that no value can take."""

from __future__ import annotations

import sqlite3

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import Unavailable
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.fault import Fault
from cachedesk.core.policy import Policy
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.parts import Parts
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.sqlite.database_faults import locked

POISON_KEY = b"cachedesk:poison"

_SPOILT = b"changed by another program"


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


class LogPoison(Fault):
    """An increment is in the log whose row is then changed to a text by another connection, as
    another program might: no value can take it, and it becomes a dead letter. It has a key of
    its own, so it harms nobody's data."""

    name, title = "log.poison", "put an event into the log that no value can take"

    def __init__(self, parts: Parts, layer: CacheLayer) -> None:
        self._path = parts.database.path
        self._observer = parts.observer
        self._versions = parts.versions
        self._cache = parts.cache
        self._layer = layer

    def inject(self, argument: str = "") -> str:
        self._write(Op.SET, b"0", Policy.WRITE_THROUGH)
        # While it is locked, the worker cannot apply the increment before the row is changed.
        other = locked(self._path)
        try:
            seq = self._write(Op.INCR, 1, Policy.WRITE_BEHIND)
            other.execute("UPDATE rows SET value=? WHERE key=?", (_SPOILT, POISON_KEY))
            other.execute("COMMIT")
        except sqlite3.Error as error:
            raise Unavailable(f"the database does not take the poison: {error}") from error
        finally:
            other.close()
        # Its copy is as old as any that another program goes round.
        self._versions.bump([POISON_KEY])
        self._cache.put({POISON_KEY: None})
        return f"event {seq} is poison: its key {POISON_KEY.decode()} is no counter any more"

    def _write(self, op: Op, arg: bytes | int, policy: Policy) -> int:
        receipt = self._layer.write((op.name.lower(), POISON_KEY, arg), policy=policy)
        event = WriteEvent(receipt.seq, op, POISON_KEY, arg, wall_seconds())
        self._observer.injected((event,))
        return receipt.seq
