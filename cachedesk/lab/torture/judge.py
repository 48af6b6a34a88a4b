"""The judge: compares the files that the process under test left with what was promised."""

from __future__ import annotations

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError
from cachedesk.core.events import Entry
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.listing import truth
from cachedesk.lab.torture import leftovers, plan
from cachedesk.lab.torture.expected import Expected
from cachedesk.lab.torture.job import Base, TorturePaths, copy_files
from cachedesk.lab.torture.random_faults import random_settings
from cachedesk.lab.torture.sessions import check_sessions, read_sessions
from cachedesk.stack.durable_state import open_state
from cachedesk.stack.stack import Stack
from cachedesk.stores.embedded.stores import EMBEDDED
from cachedesk.stores.files.integrity import integrity

_DRAIN_SECONDS = 30.0


class Judge:
    """Judges the files after each cycle. ``base``: each key's version and value, as last found."""

    def __init__(self, seed: int, place: TorturePaths) -> None:
        self._seed = seed
        self._place = place
        self._expected = Expected(place.expected)
        self.base: Base = [(0, None)] * plan.KEYS

    @property
    def image(self) -> bytes:
        """A copy of the expected state."""
        return self._expected.image

    def restore(self, image: bytes, base: Base) -> None:
        """Restore an earlier expected state."""
        self._expected.restore(image)
        self.base = list(base)

    def tallies(self) -> tuple[int, int, int]:
        """Return the sums of (acknowledged writes, checked reads, unavailable calls)."""
        return self._expected.tallies()

    def check_directory(self) -> list[str]:
        """Recover the files, compare the truth with the promises, and return every broken promise
        as a sentence. Afterwards no outcome is unknown any more.

        This uses a copy, so that the next process finds the files as the last one left them, and
        must recover them to the same state.
        """
        if not self._place.data.exists():
            return []
        copy_files(self._place.data, self._place.examined)
        return self._check()

    def drain(self, cycle_seed: int) -> list[str]:
        """Open a whole stack on a copy of the files, read every key through it, drain, close, and
        check that nothing is left behind; return every broken promise as a sentence."""
        if not self._place.data.exists():
            return []
        copy = self._place.examined
        copy_files(self._place.data, copy)
        try:
            with Stack(copy, random_settings(cycle_seed)).layer as layer:
                broken = self._read_and_drain(layer)
        except CachedeskError as error:
            return [f"the files cannot be served again: {error}"]
        return [*broken, *leftovers.files(copy, unfinished=False), *self._check()]

    def _check(self) -> list[str]:
        copy = self._place.examined
        try:
            directory = EMBEDDED.lock(copy)
        except CachedeskError as error:
            return [f"the data directory cannot be locked: {error}"]
        try:
            state = open_state(EMBEDDED, directory)
        except CachedeskError as error:
            directory.close()
            return [f"the files cannot be recovered: {error}"]
        try:
            began = wall_seconds()
            values = dict(truth(state.pending, state.database))
            ended = wall_seconds()
            rows = dict(state.database.scan())
            pending = state.pending.all()
        finally:
            state.close()
            directory.close()
        seqs = {
            key: max(rows.get(key, Entry(None, 0)).seq, *(event.seq for event in events), 0)
            for key, events in pending.items()
        }
        return [
            *integrity(copy / "cachedesk.db"),
            *integrity(copy / "log" / "log.db"),
            *check_sessions(self._seed, self._expected, values, began, ended),
            *self._compare(values, {key: row.seq for key, row in rows.items()} | seqs),
        ]

    def _read_and_drain(self, layer: CacheLayer) -> list[str]:
        broken: list[str] = []
        for index, (_, value) in enumerate(self.base):
            key = plan.key_name(index)
            for _ in range(2):
                if (found := layer.get(key)) != value:
                    broken.append(f"{key!r} read {found!r}, not {value!r}, after recovery")
        broken += read_sessions(self._seed, self._expected, layer)
        layer.drain(_DRAIN_SECONDS)
        books = layer.snapshot().books
        if not books.balanced or books.pending or books.dead:
            broken.append(f"the books after the drain: {books}")
        return broken

    def _compare(self, values: dict[bytes, bytes], seqs: dict[bytes, int]) -> list[str]:
        broken: list[str] = []
        for index in range(plan.KEYS):
            key = plan.key_name(index)
            attempted, acknowledged, seq = self._expected.key(index)
            # A client that has read an older version attempts less than was acknowledged.
            candidates = self._candidates(index, max(attempted, acknowledged))
            value = values.pop(key, None)
            fitting = [
                version
                for version in range(attempted, acknowledged - 1, -1)
                if candidates[version] == value
            ]
            if not fitting:
                broken.append(
                    f"{key!r} is {value!r}; acknowledged version {acknowledged} is"
                    f" {candidates[acknowledged]!r} (attempted {attempted}, seq {seq})"
                )
                fitting = [acknowledged]
            elif seqs.get(key, seq) < seq:
                broken.append(f"{key!r} is at seq {seqs[key]}, {seq} was acknowledged")
            self._expected.settle(index, fitting[0])
            self.base[index] = (fitting[0], candidates[fitting[0]])
        for counter in range(plan.COUNTERS):
            broken += self._compare_counter(counter, int(values.pop(plan.counter_name(counter), 0)))
        return broken + [f"{key!r} was never written" for key in values]

    def _compare_counter(self, counter: int, value: int) -> list[str]:
        least, most = self._expected.bounds(counter)
        uncertain = value - least
        for client in range(plan.CLIENTS):
            attempted, acknowledged = self._expected.count(client, counter)
            if attempted > acknowledged:
                count = attempted if uncertain > 0 else acknowledged
                uncertain -= count - acknowledged
                self._expected.attempt_count(client, counter, count)
                self._expected.acknowledge_count(client, counter, count)
        if least <= value <= most:
            return []
        return [f"the counter {counter} is {value}, not {least} to {most}"]

    def _candidates(self, index: int, last: int) -> dict[int, bytes | None]:
        version, value = self.base[index]
        candidates = {version: value}
        while version < last:
            version += 1
            value, _ = plan.after(value, plan.write(self._seed, index, version))
            candidates[version] = value
        return candidates
