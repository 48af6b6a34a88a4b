"""Keys and values of the workloads: the same for each rival, each under its own prefix, so that no
rival warms the cache of another."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Sequence

from cachedesk.lab.load.skew import Zipfian

KEYS = 1_000
MANY = 100
CALLERS = 16
VALUE_BYTES = 100
DRAIN_KEYS = 10_000
COLD_KEYS = 4_000
SEED = 1


class Fixtures:
    """The keys and values of one rival."""

    def __init__(self, prefix: bytes) -> None:
        rng = random.Random(SEED)
        order = rng.sample(range(KEYS), KEYS)
        self.read = [b"views:%s:read:%05d" % (prefix, number) for number in order]
        self.cold = [b"views:%s:cold:%05d" % (prefix, number) for number in range(COLD_KEYS)]
        self.counted = [b"views:%s:count:%05d" % (prefix, number) for number in order]
        self.fast = [b"session:%s:%05d" % (prefix, number) for number in order]
        self.safe = [b"order:%s:%05d" % (prefix, number) for number in order]
        self.drained = [b"views:%s:drain:%05d" % (prefix, number) for number in range(DRAIN_KEYS)]
        self.value = rng.randbytes(VALUE_BYTES)
        self.values = dict.fromkeys(self.read, self.value)
        self._numbers = itertools.count()

    def fresh(self) -> bytes:
        """Return a value that was not set before: if the value does not change, SQLite writes
        nothing, and commits without a sync."""
        return b"%0*d" % (VALUE_BYTES, next(self._numbers))


def drawn(keys: Sequence[bytes], count: int) -> list[bytes]:
    """Return ``count`` of ``keys`` by Zipf's law, the same ones each time."""
    rng = random.Random(SEED)
    zipf = Zipfian(len(keys))
    return [keys[zipf.draw(rng, len(keys))] for _ in range(count)]


def each(call: Callable[[bytes], object], keys: Sequence[bytes]) -> Callable[[int], None]:
    """Return a lap: ``call`` with one key after another, starting where the last lap ended."""
    going = itertools.cycle(keys)

    def run(operations: int) -> None:
        for key in itertools.islice(going, operations):
            call(key)

    return run


def in_hundreds(
    call: Callable[[list[bytes]], object], keys: Sequence[bytes]
) -> Callable[[int], None]:
    """Return a lap: ``call`` with a hundred keys at a time; an operation is one key."""
    going = itertools.cycle([list(some) for some in _hundreds(keys)])

    def run(operations: int) -> None:
        for some in itertools.islice(going, max(1, operations // MANY)):
            call(some)

    return run


def together(call: Callable[[bytes], object], keys: Sequence[bytes]) -> Callable[[int], None]:
    """Return a lap: sixteen threads at once, each doing ``call`` with one key after another."""

    def run(operations: int) -> None:
        failures: list[BaseException] = []

        def act(place: int) -> None:
            try:
                for number in range(max(1, operations // CALLERS)):
                    call(keys[(place * 61 + number) % len(keys)])
            except BaseException as error:  # noqa: BLE001 - raised again by the timing thread
                failures.append(error)

        callers = [threading.Thread(target=act, args=(place,)) for place in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        if failures:
            raise failures[0]

    return run


def _hundreds(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), MANY):
        yield keys[start : start + MANY]
