"""The limit: only the necessary engine calls, made as efficiently as possible.

It keeps no promise: it tracks no pending writes, repairs nothing, and queues ready-made records.
There is one file for the rows and one for the queue, both at ``synchronous=FULL``, as in
cachedesk.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cachedesk.core.clock import wall_seconds
from cachedesk.core.events import Op, WriteEvent
from cachedesk.lab.bench.fixtures import CALLERS, MANY, Fixtures, drawn, each, in_hundreds
from cachedesk.lab.bench.programs import crashed_directory
from cachedesk.lab.bench.redis_calls import RedisCalls, dropped_in_parts
from cachedesk.lab.bench.rivals import Lap, Rival
from cachedesk.lab.bench.rounds import Effort
from cachedesk.lab.bench.workloads import PENDING_TO_DRAIN
from cachedesk.stores.queue_log import record
from cachedesk.stores.queue_log.queue import DurableQueue, Verbatim
from cachedesk.stores.sqlite.refusal import WRITE_ROW
from cachedesk.stores.sqlite.schema import prepare

_EVENTS_PER_RECORD = 1_000


class Engines(Rival):
    """Redis, a queue file and a database file, called directly."""

    def __init__(
        self, name: str, folder: Path, calls: RedisCalls, effort: Effort, crashed: Path
    ) -> None:
        """Prepare in ``folder``; ``crashed`` is the data directory of a killed stack."""
        self.name = name
        self._calls = calls
        self._fixtures = fixtures = Fixtures(name.encode())
        self._crashed_log = crashed / "log"
        folder.mkdir()
        self._folder = folder
        self._rows = _rows(folder / "rows.db")
        self._queue = _queue(folder / "queue")
        self._drained = drawn(fixtures.drained, round(PENDING_TO_DRAIN * effort.share))
        self._write_rows(fixtures.read + fixtures.cold, fixtures.value)
        for start in range(0, len(fixtures.read), MANY):
            calls.set_many(dict.fromkeys(fixtures.read[start : start + MANY], fixtures.value))
        self._one = record.encode(1, [_event(fixtures.counted[0])])
        self._sixteen = record.encode(1, [_event(key) for key in fixtures.counted[:CALLERS]])
        self._hundred = record.encode(
            1,
            [
                WriteEvent(1, Op.SET, key, fixtures.value, wall_seconds())
                for key in fixtures.fast[:MANY]
            ],
        )
        self._coalesced: list[list[tuple[bytes, bytes, int, None, float]]] = []

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        calls, fixtures, queue = self._calls, self._fixtures, self._queue
        select = "SELECT value, seq FROM rows WHERE key=?"
        rows = self._rows

        def repair(operations: int) -> None:
            for key in fixtures.cold[:operations]:
                value, _ = rows.execute(select, (key,)).fetchone()
                calls.set(key, value)

        def behind(key: bytes) -> None:
            queue.put(self._one)
            calls.incr(key)

        sixteens = itertools.cycle(
            [fixtures.counted[start : start + CALLERS] for start in range(0, 992, CALLERS)]
        )

        def behind_16(operations: int) -> None:
            for keys in itertools.islice(sixteens, max(1, operations // CALLERS)):
                queue.put(self._sixteen)
                calls.incr_many(keys)

        def behind_100(keys: list[bytes]) -> None:
            queue.put(self._hundred)
            calls.set_many(dict.fromkeys(keys, fixtures.fresh()))

        def through(key: bytes) -> None:
            value = fixtures.fresh()
            self._write_rows((key,), value)
            calls.set(key, value)

        def through_100(keys: list[bytes]) -> None:
            value = fixtures.fresh()
            self._write_rows(keys, value)
            calls.set_many(dict.fromkeys(keys, value))

        return {
            "hit": Lap(each(calls.get, fixtures.read)),
            "hits": Lap(in_hundreds(calls.get_many, fixtures.read)),
            "repair": Lap(
                repair,
                prepare=lambda _: dropped_in_parts(calls, fixtures.cold),
                most=len(fixtures.cold),
            ),
            "behind": Lap(each(behind, fixtures.counted), settle=self._empty_queue),
            "behind_16": Lap(behind_16, settle=self._empty_queue),
            "behind_100": Lap(in_hundreds(behind_100, fixtures.fast), settle=self._empty_queue),
            "through": Lap(each(through, fixtures.safe)),
            "through_100": Lap(in_hundreds(through_100, fixtures.safe)),
            "drain": Lap(
                lambda _: self._drain(), prepare=self._fill_queue, fixed=len(self._drained)
            ),
            "reopen": Lap(
                lambda _: self._read_queue_file(),
                fixed=crashed_directory.pending_in(self._crashed_log.parent),
            ),
        }

    def close(self) -> None:
        """Close both files and the connection."""
        self._calls.close()
        self._queue.close()
        self._rows.close()
        shutil.rmtree(self._folder)

    def _write_rows(self, keys: Sequence[bytes], value: bytes) -> None:
        now = wall_seconds()
        self._rows.execute("BEGIN IMMEDIATE")
        self._rows.executemany(WRITE_ROW, [(key, value, 1, None, now) for key in keys])
        self._rows.execute("COMMIT")

    def _fill_queue(self, _: int) -> None:
        now = wall_seconds()
        self._coalesced = []
        for keys in _parts(self._drained, _EVENTS_PER_RECORD):
            self._queue.put(record.encode(1, [_event(key) for key in keys]))
            self._coalesced.append([(key, b"1", 1, None, now) for key in dict.fromkeys(keys)])

    def _drain(self) -> None:
        for rows in self._coalesced:
            self._queue.get(block=False, raw=True)
            self._rows.execute("BEGIN IMMEDIATE")
            self._rows.executemany(WRITE_ROW, rows)
            self._rows.execute("COMMIT")
            self._queue.task_done()

    def _empty_queue(self) -> None:
        while self._queue.size:
            self._queue.get(block=False, raw=True)
        self._queue.task_done()

    def _read_queue_file(self) -> None:
        file = sqlite3.connect(f"file:{self._crashed_log / 'log.db'}?mode=ro", uri=True)
        try:
            for (data,) in file.execute("SELECT data FROM queue_events ORDER BY _id"):
                record.decode(data)
        finally:
            file.close()


def _rows(path: Path) -> sqlite3.Connection:
    """Return a database with the schema of cachedesk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    prepare(connection, path)
    return connection


def _queue(folder: Path) -> DurableQueue:
    folder.mkdir()
    return DurableQueue(
        str(folder),
        name="events",
        multithreading=True,
        auto_commit=False,
        serializer=Verbatim,
        db_file_name="queue.db",
    )


def _event(key: bytes) -> WriteEvent:
    return WriteEvent(1, Op.INCR, key, 1, wall_seconds())


def _parts(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
