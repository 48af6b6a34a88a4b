"""All contenders of the bench, and the files that hold their results."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cachedesk.lab.bench.engines import Engines
from cachedesk.lab.bench.fixtures import Fixtures
from cachedesk.lab.bench.ours import Ours
from cachedesk.lab.bench.peers import open_peers
from cachedesk.lab.bench.programs import crashed_directory
from cachedesk.lab.bench.redis_calls import ByBareSocket, ByRedisPy, dropped_in_parts
from cachedesk.lab.bench.rivals import LIMIT, OURS, Lap, Rival
from cachedesk.lab.bench.rounds import Effort
from cachedesk.lab.bench.server import RivalsServer
from cachedesk.lab.bench.workloads import BENCH_WORKLOADS
from tests.engine.until import unhurried

BARE = "bare socket"
EFFORT = Effort(share=0.005)
EVENTS = 700

READS = {"hit", "hits"}
BEHIND = {"behind", "behind_16", "behind_100"}
THROUGH = {"through", "through_100"}
DOES = {
    OURS: {work.name for work in BENCH_WORKLOADS},
    LIMIT: {work.name for work in BENCH_WORKLOADS},
    BARE: {work.name for work in BENCH_WORKLOADS},
    "by hand": READS | {"repair"} | BEHIND | THROUGH,
    "ack queue": BEHIND | {"drain"},
    "huey": BEHIND | {"drain"},
    "diskcache": READS | BEHIND | THROUGH,
}
LATER = {LIMIT, BARE, "ack queue", "huey"}
"""Who puts a write-behind into a queue, and forgets it there when the lap is over."""


@dataclass
class Place:
    """A contender, and the files that hold its results."""

    rival: Any
    fixtures: Fixtures
    database: Path
    table: str
    queue: Path | None
    queued: str
    redis: ByRedisPy

    def lap(self, work: str) -> Lap:
        return self.rival.laps()[work]  # type: ignore[no-any-return]

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Return which of ``keys`` have a row, with its value, as another process would see it."""
        wanted = set(keys)
        with closing(sqlite3.connect(self.database)) as file:
            every = file.execute(f"SELECT key, value FROM {self.table} WHERE value IS NOT NULL")
            return {bytes(key): value for key, value in every if key in wanted}

    def names(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return under which names the rival keeps ``keys`` in Redis."""
        if self.rival.name == OURS:
            return [self.rival.stack.cache.cache.stored_as(key) for key in keys]
        return [*keys]

    def cached(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what Redis has of ``keys``."""
        found = zip(keys, self.redis.get_many(self.names(keys)), strict=True)
        return {key: value for key, value in found if value is not None}

    def waiting(self) -> int:
        """Return how many items are in the file of its queue."""
        if self.queue is None:
            return 0
        with closing(sqlite3.connect(self.queue)) as file:
            return int(file.execute(f"SELECT count(*) FROM {self.queued}").fetchone()[0])

    def forget(self, keys: Sequence[bytes]) -> None:
        """Make ``keys`` unknown to Redis and to the database."""
        if self.rival.name == OURS:
            self.rival.stack.layer.write_many([("delete", key) for key in keys])
            self.rival.stack.layer.drain(60)
        else:
            with closing(sqlite3.connect(self.database)) as file, file:
                gone = [(key,) for key in keys]
                file.executemany(f"DELETE FROM {self.table} WHERE key=?", gone)
        dropped_in_parts(self.redis, self.names(keys))


@dataclass
class Arena:
    """All rivals. ``socket``: of the Redis that all but ours use."""

    folder: Path
    socket: str
    dead: Path
    places: dict[str, Place]

    def __getitem__(self, name: str) -> Place:
        return self.places[name]


def place(rival: Rival, folder: Path, redis: ByRedisPy) -> Place:
    """Return where ``rival`` keeps what it did."""
    where = folder / rival.name.replace(" ", "-")
    queue, queued, database, table = {
        OURS: (folder / "ours/log/log.db", "queue_events", folder / "ours/cachedesk.db", "rows"),
        LIMIT: (where / "queue/queue.db", "queue_events", where / "rows.db", "rows"),
        BARE: (where / "queue/queue.db", "queue_events", where / "rows.db", "rows"),
        "by hand": (None, "", where / "rows.db", "rows"),
        "ack queue": (where / "queue/data.db", "ack_queue_default", where / "rows.db", "rows"),
        "huey": (where / "huey.db", "task", where / "rows.db", "rows"),
        "diskcache": (None, "", where / "cache.db", "Cache"),
    }[rival.name]
    prefix = {OURS: b"ours"}.get(rival.name, rival.name.encode())
    if rival.name not in (LIMIT, BARE):
        prefix = prefix.replace(b" ", b"-")
    return Place(rival, Fixtures(prefix), database, table, queue, queued, redis)


@contextmanager
def opened(folder: Path) -> Iterator[Arena]:
    """Open everybody in ``folder`` as the bench opens them."""
    with ExitStack() as leaving:
        dead = crashed_directory.make(folder, EVENTS)
        leaving.callback(crashed_directory.clear_up, dead)
        ours = Ours(folder, EFFORT, dead, unhurried())
        leaving.callback(ours.close)
        # It reads the cache too, and its reads would be counted.
        ours.stack.auditor.close()
        server = RivalsServer(folder / "redis")
        leaving.callback(server.close)
        socket = server.socket_path
        rivals: list[Rival] = [ours]
        for name, calls in ((LIMIT, ByRedisPy), (BARE, ByBareSocket)):
            where = folder / name.replace(" ", "-")
            rivals.append(Engines(name, where, calls(socket), EFFORT, dead))
            leaving.callback(rivals[-1].close)
        for peer in open_peers(folder, socket, EFFORT.share):
            rivals.append(peer)
            leaving.callback(peer.close)
        own, redis = ByRedisPy(ours.stack.redis_socket), ByRedisPy(socket)
        leaving.callback(own.close)
        leaving.callback(redis.close)
        places = {
            rival.name: place(rival, folder, own if rival is ours else redis) for rival in rivals
        }
        yield Arena(folder, socket, dead, places)
