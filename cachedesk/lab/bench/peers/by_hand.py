"""redis-py and SQLite by hand: commit the row, then update Redis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachedesk.lab.bench.fixtures import Fixtures, each, in_hundreds, together
from cachedesk.lab.bench.peers.plain_rows import PlainRows
from cachedesk.lab.bench.redis_calls import ByRedisPy, dropped_in_parts
from cachedesk.lab.bench.rivals import Lap, Rival


class ByHand(Rival):
    """Cache-aside reads; a commit and a Redis command for each write."""

    name = "by hand"

    def __init__(self, folder: Path, socket_path: str) -> None:
        self._calls = ByRedisPy(socket_path)
        self._rows = PlainRows(folder / "rows.db")
        self._fixtures = fixtures = Fixtures(b"by-hand")
        self._rows.set_all(fixtures.read + fixtures.cold, fixtures.value)
        self._calls.set_many(fixtures.values)

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        calls, rows, fixtures = self._calls, self._rows, self._fixtures

        def get(key: bytes) -> None:
            if calls.get(key) is None:
                value = rows.get(key)
                if value is not None:
                    calls.set(key, value)

        def incr(key: bytes) -> None:
            rows.incr(key)
            calls.incr(key)

        def set_one(key: bytes) -> None:
            value = fixtures.fresh()
            rows.set(key, value)
            calls.set(key, value)

        def read_cold(operations: int) -> None:
            for key in fixtures.cold[:operations]:
                get(key)

        return {
            "hit": Lap(each(get, fixtures.read)),
            "hits": Lap(in_hundreds(calls.get_many, fixtures.read)),
            "repair": Lap(
                read_cold,
                prepare=lambda _: dropped_in_parts(calls, fixtures.cold),
                most=len(fixtures.cold),
            ),
            "behind": Lap(each(incr, fixtures.counted)),
            "behind_16": Lap(together(incr, fixtures.counted)),
            "behind_100": Lap(each(set_one, fixtures.fast)),
            "through": Lap(each(set_one, fixtures.safe)),
            "through_100": Lap(each(set_one, fixtures.safe)),
        }

    def close(self) -> None:
        """Close the file and the connection."""
        self._calls.close()
        self._rows.close()
