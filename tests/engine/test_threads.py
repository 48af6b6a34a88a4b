"""Many threads, faults striking: every read is exactly the last acknowledged value.

Each key is written by one thread only, which therefore knows what must be read; shared counters
are known between bounds.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from cachedesk.core.commands import (
    Command,
    EvictAll,
    Heal,
    Inject,
    PauseWorker,
    ResumeWorker,
    StepWorker,
)
from cachedesk.core.errors import NotACounter, Unavailable
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

from .scenarios import BEHIND, THROUGH, running, wait_until_trusted
from .until import Task, until

pytestmark = pytest.mark.slow

THREADS = 8
SHARED = [b"shared:%d" % number for number in range(4)]
FAULTS: list[Command] = [
    *map(Inject, ("redis.kill", "redis.down", "redis.hang", "worker.crash", "database.lock")),
    *(EvictAll(), Heal(), Heal(), PauseWorker(), ResumeWorker(), StepWorker()),
]


_summing = threading.Lock()


class Client:
    """One thread's work, on keys that only it writes, and what it knows of them."""

    def __init__(self, cache: CacheLayer, number: int, seed: int, sums: Counter[bytes]) -> None:
        self._cache = cache
        self._rnd = random.Random(seed * 100 + number)
        self._sums = sums
        self.keys = [b"own:%d:%d" % (number, place) for place in range(3)]
        self.known: dict[bytes, bytes | None] = dict.fromkeys(self.keys)
        self.done: Counter[str] = Counter()

    def work(self, end: threading.Event) -> None:
        """Act until the end."""
        actions = (self.read, self.read_many, self.share, self.incr, self.set, self.delete)
        while not end.is_set():
            (action,) = self._rnd.choices(actions, (40, 5, 12, 15, 20, 8))
            try:
                action(self._rnd.choice(self.keys), self._rnd.choice((THROUGH, BEHIND)))
                self.done[action.__name__] += 1
            except Unavailable:
                self.done["unavailable"] += 1

    def read(self, key: bytes, policy: str) -> None:
        assert self._cache.read(key).value == self.known[key]

    def read_many(self, key: bytes, policy: str) -> None:
        keys = [*self.keys, key]
        assert self._cache.get_many(keys) == [self.known[key] for key in keys]

    def share(self, key: bytes, policy: str) -> None:
        shared = self._rnd.choice(SHARED)
        at_least = self._sums[shared]
        if self._rnd.random() < 0.5:
            assert int(self._cache.get(shared) or 0) >= at_least
        else:
            assert self._cache.incr(shared, policy=policy) > at_least
            with _summing:
                self._sums[shared] += 1

    def incr(self, key: bytes, policy: str) -> None:
        amount = self._rnd.randrange(-5, 50)
        if self.known[key] == b"text":
            with pytest.raises(NotACounter):
                self._cache.incr(key, amount, policy=policy)
        else:
            total = int(self.known[key] or 0) + amount
            assert self._cache.incr(key, amount, policy=policy) == total
            self.known[key] = b"%d" % total

    def set(self, key: bytes, policy: str) -> None:
        value = b"%d" % self._rnd.randrange(1_000) if self._rnd.random() < 0.7 else b"text"
        self._cache.set(key, value, policy=policy)
        self.known[key] = value

    def delete(self, key: bytes, policy: str) -> None:
        self._cache.delete(key, policy=policy)
        self.known[key] = None


def strike(stack: Stack, seed: int, times: int) -> None:
    """Strike with faults at random so many times."""
    rnd, struck = random.Random(seed), 0
    while struck < times:
        try:
            stack.perform(rnd.choice(FAULTS))
            struck += 1
        except Unavailable:
            pass
        pause = time.monotonic() + rnd.random() * 0.25
        while time.monotonic() < pause:
            assert stack.pending.books().balanced
            threading.Event().wait(0.005)
        assert stack.snapshot().books.balanced


@pytest.mark.parametrize("seed", [1, 2])
def test_every_read_is_the_last_acknowledged_value(tmp_path: Path, seed: int) -> None:
    with running(tmp_path) as stack:
        cache, sums, end = stack.layer, Counter[bytes](), threading.Event()
        clients = [Client(cache, number, seed, sums) for number in range(THREADS)]
        tasks = [Task(client.work, end) for client in clients]
        try:
            strike(stack, seed, 20)
            until(lambda: sum(client.done["read"] for client in clients) > 100)
        finally:
            stack.perform(Heal())
            stack.perform(ResumeWorker())
            end.set()
            for task in tasks:
                task.result()
        done = sum((client.done for client in clients), Counter[str]())
        assert done["read"] > 100
        assert done["unavailable"] < sum(done.values()) / 2
        cache.drain(60)
        wait_until_trusted(stack)
        truth = {key: value for client in clients for key, value in client.known.items()}
        truth |= {key: b"%d" % sums[key] if sums[key] else None for key in SHARED}
        for _ in range(2):
            assert cache.get_many(list(truth)) == list(truth.values())
            cache.evict("*")
        assert dict(cache.items()) == {key: it for key, it in truth.items() if it is not None}
        books = stack.snapshot().books
        assert (books.pending, books.dead, books.balanced) == (0, 0, True)
