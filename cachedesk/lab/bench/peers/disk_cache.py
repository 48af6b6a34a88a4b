"""diskcache: a cache that is a SQLite file, without Redis; made durable, which it is not by
itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import diskcache

from cachedesk.lab.bench.contest import Lap, Rival
from cachedesk.lab.bench.fixtures import Stuff, each, in_hundreds, together

_FULL = 2


class DiskCache(Rival):
    """One file for everything."""

    name = "diskcache"

    def __init__(self, folder: Path) -> None:
        self._cache = cache = diskcache.Cache(str(folder), sqlite_synchronous=_FULL)
        self._stuff = stuff = Stuff(b"diskcache")
        with cache.transact():
            for key in stuff.read:
                cache.set(key, stuff.value)

    def laps(self) -> Mapping[str, Lap]:
        """Return how it does each work."""
        cache, stuff = self._cache, self._stuff

        def get_many(keys: list[bytes]) -> list[object]:
            return [cache.get(key) for key in keys]

        def set_one(key: bytes) -> None:
            cache.set(key, stuff.fresh())

        def set_many(keys: list[bytes]) -> None:
            with cache.transact():
                for key in keys:
                    cache.set(key, stuff.fresh())

        return {
            "hit": Lap(each(cache.get, stuff.read)),
            "hits": Lap(in_hundreds(get_many, stuff.read)),
            "behind": Lap(each(cache.incr, stuff.counted)),
            "behind_16": Lap(together(cache.incr, stuff.counted)),
            "behind_100": Lap(in_hundreds(set_many, stuff.fast)),
            "through": Lap(each(set_one, stuff.safe)),
            "through_100": Lap(in_hundreds(set_many, stuff.safe)),
        }

    def close(self) -> None:
        """Close the file."""
        self._cache.close()
