"""Redis and huey: each write is a task in huey's SQLite store, applied by a consumer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from huey import SqliteHuey

from cachedesk.lab.bench.fixtures import Fixtures, drawn, each, together
from cachedesk.lab.bench.peers.plain_rows import PlainRows
from cachedesk.lab.bench.redis_calls import ByRedisPy
from cachedesk.lab.bench.rivals import Lap, Rival

_DRAINED = 1_000


class HueyTasks(Rival):
    """A task for each write; the consumer's work is done here on the caller's thread."""

    name = "huey"

    def __init__(self, folder: Path, socket_path: str, share: float) -> None:
        self._calls = ByRedisPy(socket_path)
        self._rows = rows = PlainRows(folder / "rows.db")
        self._huey = huey = SqliteHuey(filename=str(folder / "huey.db"), fsync=True, results=False)
        self._fixtures = fixtures = Fixtures(b"huey")
        self._drained = drawn(fixtures.drained, max(100, round(_DRAINED * share)))
        self._incr = huey.task(name="incr")(rows.incr)
        self._set = huey.task(name="set")(rows.set)

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        calls, fixtures = self._calls, self._fixtures
        enqueue_incr, enqueue_set = self._incr, self._set

        def incr(key: bytes) -> None:
            enqueue_incr(key)
            calls.incr(key)

        def set_one(key: bytes) -> None:
            value = fixtures.fresh()
            enqueue_set(key, value)
            calls.set(key, value)

        return {
            "behind": Lap(each(incr, fixtures.counted), settle=self._huey.flush),
            "behind_16": Lap(together(incr, fixtures.counted), settle=self._huey.flush),
            "behind_100": Lap(each(set_one, fixtures.fast), settle=self._huey.flush),
            "drain": Lap(
                self._drain,
                prepare=lambda _: [enqueue_incr(key) for key in self._drained],
                fixed=len(self._drained),
            ),
        }

    def close(self) -> None:
        """Close both files and the connection."""
        self._calls.close()
        self._huey.storage.close()
        self._rows.close()

    def _drain(self, operations: int) -> None:
        for _ in range(operations):
            self._huey.execute(self._huey.dequeue())
