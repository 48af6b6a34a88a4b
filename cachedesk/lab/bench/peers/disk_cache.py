"""diskcache: a cache in an SQLite file, without Redis; made durable here, which it is not by
default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import diskcache

from cachedesk.lab.bench.fixtures import Fixtures, each, in_hundreds, together
from cachedesk.lab.bench.rivals import Lap, Rival

_FULL = 2


class DiskCache(Rival):
    """One file for everything."""

    name = "diskcache"

    def __init__(self, folder: Path) -> None:
        self._cache = cache = diskcache.Cache(str(folder), sqlite_synchronous=_FULL)
        self._fixtures = fixtures = Fixtures(b"diskcache")
        with cache.transact():
            for key in fixtures.read:
                cache.set(key, fixtures.value)

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        cache, fixtures = self._cache, self._fixtures

        def get_many(keys: list[bytes]) -> list[object]:
            return [cache.get(key) for key in keys]

        def set_one(key: bytes) -> None:
            cache.set(key, fixtures.fresh())

        def set_many(keys: list[bytes]) -> None:
            with cache.transact():
                for key in keys:
                    cache.set(key, fixtures.fresh())

        return {
            "hit": Lap(each(cache.get, fixtures.read)),
            "hits": Lap(in_hundreds(get_many, fixtures.read)),
            "behind": Lap(each(cache.incr, fixtures.counted)),
            "behind_16": Lap(together(cache.incr, fixtures.counted)),
            "behind_100": Lap(in_hundreds(set_many, fixtures.fast)),
            "through": Lap(each(set_one, fixtures.safe)),
            "through_100": Lap(in_hundreds(set_many, fixtures.safe)),
        }

    def close(self) -> None:
        """Close the file."""
        self._cache.close()
