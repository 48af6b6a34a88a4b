"""The clients: threads that write according to the plan, read back, and check every answer at once.

Each key is written by one client, which therefore knows exactly what a read must return. A read of
another client's key must return a version between the one acknowledged before the read began and
the one attempted when it ended: that is the definition of a fresh read during concurrent writes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence

from cachedesk.core.errors import (
    CachedeskError,
    CounterOverflow,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
)
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.lab.torture import plan
from cachedesk.lab.torture.expected import Expected
from cachedesk.lab.torture.sessions import SessionClient, SessionHistories


class Histories:
    """The value of each key at each version since the process began, for checking reads."""

    def __init__(self, base: list[tuple[int, bytes | None]]) -> None:
        """Start with each key's (version, value)."""
        self._first = [version for version, _ in base]
        self._values = [[value] for _, value in base]

    def newest(self, index: int) -> tuple[int, bytes | None]:
        """Return the newest version of a key, and its value."""
        values = self._values[index]
        return self._first[index] + len(values) - 1, values[-1]

    def append(self, index: int, value: bytes | None) -> None:
        """Append the value of the next version of a key."""
        self._values[index].append(value)

    def withdraw(self, index: int) -> None:
        """Remove the newest version, which was certainly not applied."""
        self._values[index].pop()

    def between(self, index: int, first: int, last: int) -> list[bytes | None]:
        """Return the values of the versions ``first`` to ``last`` of a key."""
        start = self._first[index]
        return self._values[index][max(0, first - start) : last - start + 1]


class TortureClient:
    """A client that makes writes and checked reads on one thread."""

    def __init__(  # noqa: PLR0917 - a client is what it is given
        self,
        number: int,
        seed: int,
        layer: CacheLayer,
        expected: Expected,
        histories: Histories,
        report_violation: Callable[[str], None],
        sessions: SessionHistories,
        keys: Iterable[int] | None = None,
    ) -> None:
        """Prepare the client.

        Args:
            number: the number of this client.
            seed: of the plan.
            layer: the layer under test.
            expected: records attempts and acknowledgements.
            histories: shared by all clients of the process.
            report_violation: called for each broken promise.
            sessions: the histories of the sessions, shared by all clients of the process.
            keys: the keys that it owns; by default those of its number.
        """
        self._number = number
        self._seed = seed
        self._layer = layer
        self._expected = expected
        self._histories = histories
        self._report_violation = report_violation
        self._random = random.Random(f"{seed}/{number}")
        self._keys = list(range(number, plan.KEYS, plan.CLIENTS) if keys is None else keys)
        self.sessions = SessionClient(number, seed, layer, expected, sessions, report_violation)

    def run(self, stop: threading.Event) -> None:
        """Write and read until ``stop``, or until no key of known version is left."""
        while not stop.is_set() and self._keys:
            roll = self._random.random()
            try:
                if roll < 0.28:
                    self.write(self._own())
                elif roll < 0.36:
                    self.count(self._random.randrange(plan.COUNTERS))
                elif roll < 0.40:
                    self.read_counter(self._random.randrange(plan.COUNTERS))
                elif roll < 0.70:
                    self.read([self._own()])
                elif roll < 0.80:
                    self.read([self._random.randrange(plan.CLIENTS)])
                elif roll < 0.90:
                    self.read([self._random.randrange(plan.KEYS)])
                elif roll < 0.94:
                    self.read(self._random.sample(range(plan.KEYS), 5))
                else:
                    self.sessions.write_or_read(self._random)
            except Unavailable:
                self._expected.tally(self._number, unavailable=1)
            except CachedeskError as error:
                if not stop.is_set():
                    self._report_violation(
                        f"client {self._number}: {type(error).__name__}: {error}"
                    )
                return

    def _own(self) -> int:
        """Return one of the client's own keys: often its hot one, which other clients read most."""
        return self._keys[0] if self._random.random() < 0.4 else self._random.choice(self._keys)

    def write(self, index: int) -> bool:
        """Do the next planned write of one of its own keys, and check the receipt.

        Returns:
            Whether it was acknowledged. It is not if its outcome is unknown (then the key is not
            written any more), or if the plan expects a refusal.

        Raises:
            Unavailable: it was not applied, and will not be.
        """
        if index not in self._keys:
            return False
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
                self._report_violation(f"{planned} of {value!r} was refused")
            _, _, seq = self._expected.key(index)
            self._expected.acknowledge(index, version + 1, seq)
            return False
        except Unavailable:
            self._histories.withdraw(index)
            self._expected.attempt(index, version)
            raise
        except OutcomeUnknown:
            self._keys.remove(index)
            return False
        if not accepted or receipt.value != wanted:
            self._report_violation(
                f"{planned} of {value!r} came to {receipt.value!r}, not {wanted!r}"
            )
        if receipt.seq <= self._expected.key(index)[2]:
            self._report_violation(
                f"{planned} got the seq {receipt.seq}, not above the key's last one"
            )
        self._expected.acknowledge(index, version + 1, receipt.seq)
        self._expected.tally(self._number, writes=1)
        return True

    def write_many(self, indexes: Sequence[int], policy: str) -> bool:
        """Do the next planned writes of several of its own keys in one call, by one path, without
        those that the plan expects to be refused. Returns and raises as ``write``."""
        wanted: dict[int, tuple[int, bytes | None]] = {}
        operations = []
        for index in indexes:
            version, value = self._histories.newest(index)
            planned = plan.write(self._seed, index, version + 1)
            new, accepted = plan.after(value, planned)
            if accepted and index in self._keys:
                wanted[index] = version + 1, new
                operations.append((planned.kind.value, planned.key, planned.arg))
        for index, (version, value) in wanted.items():
            self._histories.append(index, value)
            self._expected.attempt(index, version)
        try:
            receipts = self._layer.write_many(operations, policy=policy)
        except Unavailable:
            for index, (version, _) in wanted.items():
                self._histories.withdraw(index)
                self._expected.attempt(index, version - 1)
            raise
        except OutcomeUnknown:
            self._keys = [index for index in self._keys if index not in wanted]
            return False
        for (index, (version, value)), receipt in zip(wanted.items(), receipts, strict=True):
            if receipt.value != value:
                self._report_violation(f"key {index} came to {receipt.value!r}, not {value!r}")
            self._expected.acknowledge(index, version, receipt.seq)
        self._expected.tally(self._number, writes=len(wanted))
        return True

    def count(self, counter: int, policy: str | None = None) -> bool:
        """Add one to a shared counter, by ``policy`` or a random path; returns and raises as
        ``write``."""
        attempted, acknowledged = self._expected.count(self._number, counter)
        if attempted != acknowledged:
            return False
        least, _ = self._expected.bounds(counter)
        self._expected.attempt_count(self._number, counter, acknowledged + 1)
        policy = policy or self._random.choice(("write-through", "write-behind"))
        try:
            value = self._layer.incr(plan.counter_name(counter), policy=policy)
        except Unavailable:
            self._expected.attempt_count(self._number, counter, acknowledged)
            raise
        except OutcomeUnknown:
            return False
        if value <= least:
            self._report_violation(
                f"the counter {counter} came to {value}, {least} were acknowledged before"
            )
        self._expected.acknowledge_count(self._number, counter, acknowledged + 1)
        self._expected.tally(self._number, writes=1)
        return True

    def read_counter(self, counter: int) -> None:
        """Read a shared counter, and check that it is within its bounds."""
        least, _ = self._expected.bounds(counter)
        value = int(self._layer.get(plan.counter_name(counter)) or 0)
        _, most = self._expected.bounds(counter)
        if not least <= value <= most:
            self._report_violation(f"the counter {counter} read {value}, not {least} to {most}")
        self._expected.tally(self._number, reads=1)

    def read(self, indexes: Sequence[int]) -> None:
        """Read keys of all clients, and check that each value is fresh."""
        before = [self._expected.key(index)[1] for index in indexes]
        keys = [plan.key_name(index) for index in indexes]
        one = len(keys) == 1
        values = [self._layer.get(keys[0])] if one else self._layer.get_many(keys)
        for index, first, value in zip(indexes, before, values, strict=True):
            last = self._expected.key(index)[0]
            fresh = self._histories.between(index, first, max(first, last))
            if value not in fresh:
                self._report_violation(
                    f"stale: {plan.key_name(index)!r} read {value!r}; its versions {first} to"
                    f" {last} are {fresh!r}"
                )
        self._expected.tally(self._number, reads=len(indexes))
