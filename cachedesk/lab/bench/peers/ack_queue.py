"""Redis and a persist-queue ``SQLiteAckQueue``: put and update Redis; later get, apply, ack."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from persistqueue import SQLiteAckQueue

from cachedesk.lab.bench.fixtures import Fixtures, drawn, each, together
from cachedesk.lab.bench.peers.plain_rows import PlainRows
from cachedesk.lab.bench.redis_calls import ByRedisPy
from cachedesk.lab.bench.rivals import Lap, Rival

_DRAINED = 1_000


class _FullAckQueue(SQLiteAckQueue):  # type: ignore[misc]
    def _new_db_connection(
        self, path: str, multithreading: bool, timeout: float
    ) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._new_db_connection(path, multithreading, timeout)
        connection.execute("PRAGMA synchronous=FULL")
        return connection


class AckQueue(Rival):
    """A queue of writes, and a loop that applies them one by one."""

    name = "ack queue"

    def __init__(self, folder: Path, socket_path: str, share: float) -> None:
        self._calls = ByRedisPy(socket_path)
        self._rows = PlainRows(folder / "rows.db")
        self._queue = _FullAckQueue(str(folder / "queue"), multithreading=True)
        self._fixtures = fixtures = Fixtures(b"ack-queue")
        self._drained = drawn(fixtures.drained, max(100, round(_DRAINED * share)))

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        calls, queue, fixtures = self._calls, self._queue, self._fixtures

        def incr(key: bytes) -> None:
            queue.put(("incr", key))
            calls.incr(key)

        def set_one(key: bytes) -> None:
            value = fixtures.fresh()
            queue.put(("set", key, value))
            calls.set(key, value)

        return {
            "behind": Lap(each(incr, fixtures.counted), settle=self._forget),
            "behind_16": Lap(together(incr, fixtures.counted), settle=self._forget),
            "behind_100": Lap(each(set_one, fixtures.fast), settle=self._forget),
            "drain": Lap(
                self._drain,
                prepare=lambda _: [queue.put(("incr", key)) for key in self._drained],
                settle=self._forget,
                fixed=len(self._drained),
            ),
        }

    def close(self) -> None:
        """Close both files and the connection."""
        self._calls.close()
        self._queue.close()
        self._rows.close()

    def _drain(self, operations: int) -> None:
        for _ in range(operations):
            item = self._queue.get(block=False)
            self._rows.incr(item[1])
            self._queue.ack(item)

    def _forget(self) -> None:
        """Empty the queue without applying it: applying is not measured here."""
        with self._queue.tran_lock:
            self._queue._putter.execute("DELETE FROM ack_queue_default")
            self._queue._putter.commit()
        self._queue._unack_cache.clear()
        self._queue.total = 0
