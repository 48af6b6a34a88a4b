"""cachedesk itself, used as a library: it keeps every promise, and its worker flushes meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cachedesk.core.settings import Settings
from cachedesk.lab.bench.fixtures import Fixtures, drawn, each, in_hundreds, together
from cachedesk.lab.bench.programs import crashed_directory
from cachedesk.lab.bench.rivals import OURS, Lap, Rival
from cachedesk.lab.bench.rounds import Effort
from cachedesk.lab.bench.workloads import PENDING_TO_DRAIN
from cachedesk.stack.stack import Stack

_EVENTS_PER_WRITE = 1_000
_DRAIN_SECONDS = 300


class Ours(Rival):
    """The layer on its own stack."""

    name = OURS

    def __init__(
        self, folder: Path, effort: Effort, crashed: Path, settings: Settings | None = None
    ) -> None:
        """Open a stack in ``folder``; ``crashed`` is the data directory of a killed stack.
        ``settings``: of the stack; by default the usual ones."""
        self._folder = folder
        self._crashed = crashed
        self._reopened: Stack | None = None
        self._copies = 0
        self.stack = Stack(folder / "ours", settings or Settings(), observe=False)
        self._cache = self.stack.layer
        self._fixtures = fixtures = Fixtures(b"ours")
        self._pending = drawn(fixtures.drained, round(PENDING_TO_DRAIN * effort.share))
        self._cache.write_many(
            [("set", key, fixtures.value) for key in fixtures.read + fixtures.cold]
        )
        self._cache.drain(_DRAIN_SECONDS)
        for start in range(0, len(fixtures.read), _EVENTS_PER_WRITE):
            self._cache.get_many(fixtures.read[start : start + _EVENTS_PER_WRITE])

    def laps(self) -> Mapping[str, Lap]:
        """Return the lap of each workload."""
        cache, fixtures = self._cache, self._fixtures

        def set_one(key: bytes) -> None:
            cache.set(key, fixtures.fresh())

        def set_many(keys: list[bytes]) -> None:
            value = fixtures.fresh()
            cache.write_many([("set", key, value) for key in keys])

        def read_cold(operations: int) -> None:
            for key in fixtures.cold[:operations]:
                cache.get(key)

        drain = self._drain
        return {
            "hit": Lap(each(cache.get, fixtures.read)),
            "hits": Lap(in_hundreds(cache.get_many, fixtures.read)),
            "repair": Lap(read_cold, prepare=self._evict_cold, most=len(fixtures.cold)),
            "behind": Lap(each(cache.incr, fixtures.counted), settle=drain),
            "behind_16": Lap(together(cache.incr, fixtures.counted), settle=drain),
            "behind_100": Lap(in_hundreds(set_many, fixtures.fast), settle=drain),
            "through": Lap(each(set_one, fixtures.safe)),
            "through_100": Lap(in_hundreds(set_many, fixtures.safe)),
            "drain": Lap(
                lambda _: drain(),
                prepare=self._fill_log,
                settle=self.stack.worker.controls.resume,
                fixed=len(self._pending),
            ),
            "reopen": Lap(
                lambda _: self._reopen(),
                prepare=lambda _: self._copy_crashed(),
                settle=self._close_reopened,
                fixed=crashed_directory.pending_in(self._crashed),
            ),
        }

    def close(self) -> None:
        """Close the stack."""
        self._close_reopened()
        self._cache.close()

    def _drain(self) -> None:
        self._cache.drain(_DRAIN_SECONDS)

    def _evict_cold(self, operations: int) -> None:
        self._cache.evict("views:ours:cold:*")

    def _fill_log(self, operations: int) -> None:
        self.stack.worker.controls.pause()
        for start in range(0, operations, _EVENTS_PER_WRITE):
            keys = self._pending[start : start + _EVENTS_PER_WRITE]
            self._cache.write_many([("incr", key, 1) for key in keys])

    def _copy_crashed(self) -> None:
        self._copies += 1
        shutil.copytree(self._crashed, self._copy)

    @property
    def _copy(self) -> Path:
        return self._folder / f"crashed-{self._copies}"

    def _reopen(self) -> None:
        self._reopened = Stack(self._copy, Settings(), observe=False)
        if self._reopened.layer.get(crashed_directory.KEYS[0]) is None:
            raise AssertionError("a write acknowledged before the kill is missing")

    def _close_reopened(self) -> None:
        if self._reopened is not None:
            self._reopened.layer.close()
            self._reopened = None
            shutil.rmtree(self._copy)
