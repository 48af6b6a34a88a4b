"""redis-py and SQLite by hand: the row is committed, then Redis is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachedesk.lab.bench.contest import Lap, Rival
from cachedesk.lab.bench.fixtures import Stuff, each, in_hundreds, together
from cachedesk.lab.bench.peers.plain_rows import PlainRows
from cachedesk.lab.bench.redis_calls import ByRedisPy, dropped_in_parts


class ByHand(Rival):
    """Look aside for reads, a commit and a Redis command for each write."""

    name = "by hand"

    def __init__(self, folder: Path, socket_path: str) -> None:
        self._calls = ByRedisPy(socket_path)
        self._rows = PlainRows(folder / "rows.db")
        self._stuff = stuff = Stuff(b"by-hand")
        self._rows.set_all(stuff.read + stuff.cold, stuff.value)
        self._calls.set_many(stuff.values)

    def laps(self) -> Mapping[str, Lap]:
        """Return how it does each work."""
        calls, rows, stuff = self._calls, self._rows, self._stuff

        def get(key: bytes) -> None:
            if calls.get(key) is None:
                value = rows.get(key)
                if value is not None:
                    calls.set(key, value)

        def incr(key: bytes) -> None:
            rows.incr(key)
            calls.incr(key)

        def set_one(key: bytes) -> None:
            value = stuff.fresh()
            rows.set(key, value)
            calls.set(key, value)

        def read_cold(operations: int) -> None:
            for key in stuff.cold[:operations]:
                get(key)

        return {
            "hit": Lap(each(get, stuff.read)),
            "hits": Lap(in_hundreds(calls.get_many, stuff.read)),
            "repair": Lap(
                read_cold,
                prepare=lambda _: dropped_in_parts(calls, stuff.cold),
                most=len(stuff.cold),
            ),
            "behind": Lap(each(incr, stuff.counted)),
            "behind_16": Lap(together(incr, stuff.counted)),
            "behind_100": Lap(each(set_one, stuff.fast)),
            "through": Lap(each(set_one, stuff.safe)),
            "through_100": Lap(each(set_one, stuff.safe)),
        }

    def close(self) -> None:
        """Close the file and the connection."""
        self._calls.close()
        self._rows.close()
