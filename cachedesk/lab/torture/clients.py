"""The clients: threads that write the plan, read back, and check every answer at once.

Each key is written by one client, which therefore knows exactly what a read must return. Reads of
others' keys must return a version between the one acknowledged before the read began and the one
attempted when it ended: that is what a fresh read means while others write.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from cachedesk.engine.errors import (
    CachedeskError,
    CounterOverflow,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
)
from cachedesk.engine.layer import CacheLayer
from cachedesk.lab.torture import plan
from cachedesk.lab.torture.expected import Expected


class Histories:
    """The value of each key at each version since the process began, for checking reads."""

    def __init__(self, base: list[tuple[int, bytes | None]]) -> None:
        """Begin with each key's (version, value)."""
        self._first = [version for version, _ in base]
        self._values = [[value] for _, value in base]

    def newest(self, index: int) -> tuple[int, bytes | None]:
        """Return the newest version of a key, and its value."""
        values = self._values[index]
        return self._first[index] + len(values) - 1, values[-1]

    def append(self, index: int, value: bytes | None) -> None:
        """The next version of a key has this value."""
        self._values[index].append(value)

    def withdraw(self, index: int) -> None:
        """The newest version was certainly not applied."""
        self._values[index].pop()

    def between(self, index: int, first: int, last: int) -> list[bytes | None]:
        """Return the values of the versions ``first`` to ``last`` of a key."""
        start = self._first[index]
        return self._values[index][max(0, first - start) : last - start + 1]


class Client:
    """One thread's worth of writes and checked reads."""

    def __init__(  # noqa: PLR0917 - a client is what it is given
        self,
        number: int,
        seed: int,
        layer: CacheLayer,
        expected: Expected,
        histories: Histories,
        accuse: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            number: which client this is; it owns the keys that come with it.
            seed: of the plan.
            layer: what is tested.
            expected: where attempts and acknowledgements are kept.
            histories: shared by all clients of the process.
            accuse: told of a broken promise.
        """
        self._number = number
        self._seed = seed
        self._layer = layer
        self._expected = expected
        self._histories = histories
        self._accuse = accuse
        self._random = random.Random(f"{seed}/{number}")
        self._keys = list(range(number, plan.KEYS, plan.CLIENTS))

    def run(self, stop: threading.Event) -> None:
        """Write and read until ``stop``, or until no key is left whose version is certain."""
        while not stop.is_set() and self._keys:
            roll = self._random.random()
            try:
                if roll < 0.28:
                    self._write(self._own())
                elif roll < 0.36:
                    self._count(self._random.randrange(plan.COUNTERS))
                elif roll < 0.40:
                    self._read_counter(self._random.randrange(plan.COUNTERS))
                elif roll < 0.70:
                    self._read([self._own()])
                elif roll < 0.80:
                    self._read([self._random.randrange(plan.CLIENTS)])
                elif roll < 0.90:
                    self._read([self._random.randrange(plan.KEYS)])
                else:
                    self._read(self._random.sample(range(plan.KEYS), 5))
            except Unavailable:
                self._expected.tally(self._number, unavailable=1)
            except CachedeskError as error:
                if not stop.is_set():
                    self._accuse(f"client {self._number}: {type(error).__name__}: {error}")
                return

    def _own(self) -> int:
        """Choose one of the client's own keys: often its hot one, which the others read most."""
        return self._keys[0] if self._random.random() < 0.4 else self._random.choice(self._keys)

    def _write(self, index: int) -> None:
        version, value = self._histories.newest(index)
        planned = plan.write(self._seed, index, version + 1)
        wanted, accepted = plan.after(value, planned)
        self._histories.append(index, wanted)
        self._expected.attempt(index, version + 1)
        operation = (planned.kind.value, planned.key, planned.arg)
        try:
            receipt = self._layer.write(operation, policy=planned.policy)
        except (NotACounter, CounterOverflow):
            if accepted:
                self._accuse(f"{planned} of {value!r} was refused")
            _, _, seq = self._expected.key(index)
            self._expected.acknowledge(index, version + 1, seq)
            return
        except Unavailable:
            self._histories.withdraw(index)
            self._expected.attempt(index, version)
            raise
        except OutcomeUnknown:
            self._keys.remove(index)
            return
        if not accepted or receipt.value != wanted:
            self._accuse(f"{planned} of {value!r} came to {receipt.value!r}, not {wanted!r}")
        if receipt.seq <= self._expected.key(index)[2]:
            self._accuse(f"{planned} got the seq {receipt.seq}, not above the key's last one")
        self._expected.acknowledge(index, version + 1, receipt.seq)
        self._expected.tally(self._number, writes=1)

    def _count(self, counter: int) -> None:
        attempted, acknowledged = self._expected.count(self._number, counter)
        if attempted != acknowledged:
            return
        least, _ = self._expected.bounds(counter)
        self._expected.attempt_count(self._number, counter, acknowledged + 1)
        policy = self._random.choice(("write-through", "write-behind"))
        try:
            value = self._layer.incr(plan.counter_name(counter), policy=policy)
        except Unavailable:
            self._expected.attempt_count(self._number, counter, acknowledged)
            raise
        except OutcomeUnknown:
            return
        if value <= least:
            self._accuse(f"the counter {counter} came to {value}, {least} were acknowledged before")
        self._expected.acknowledge_count(self._number, counter, acknowledged + 1)
        self._expected.tally(self._number, writes=1)

    def _read_counter(self, counter: int) -> None:
        least, _ = self._expected.bounds(counter)
        value = int(self._layer.get(plan.counter_name(counter)) or 0)
        _, most = self._expected.bounds(counter)
        if not least <= value <= most:
            self._accuse(f"the counter {counter} read {value}, not {least} to {most}")
        self._expected.tally(self._number, reads=1)

    def _read(self, indexes: list[int]) -> None:
        before = [self._expected.key(index)[1] for index in indexes]
        keys = [plan.key_name(index) for index in indexes]
        one = len(keys) == 1
        values = [self._layer.get(keys[0])] if one else self._layer.get_many(keys)
        for index, first, value in zip(indexes, before, values, strict=True):
            last = self._expected.key(index)[0]
            fresh = self._histories.between(index, first, max(first, last))
            if value not in fresh:
                self._accuse(
                    f"stale: {plan.key_name(index)!r} read {value!r}; its versions {first} to"
                    f" {last} are {fresh!r}"
                )
        self._expected.tally(self._number, reads=len(indexes))
