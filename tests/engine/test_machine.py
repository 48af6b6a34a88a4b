"""A machine that does anything to a stack in any order, beside a dictionary that must agree."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cachedesk.core.commands import Heal, Inject, PauseWorker, ResumeWorker, StepWorker
from cachedesk.core.errors import NotACounter, Unavailable
from cachedesk.core.failpoints import POINTS
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.stack.stack import Stack

from .scenarios import BEHIND, THROUGH, wait_until_trusted
from .until import unhurried, until

pytestmark = pytest.mark.slow

keys = st.sampled_from([b"a", b"b", b"views:1", b"order:1", b"\xff\x00"])
policies = st.sampled_from([THROUGH, BEHIND])
values = st.sampled_from([b"", b"0", b"7", b"-3", b"text", b"9223372036854775000"])
WORKER_POINTS = [
    point
    for point in POINTS
    if point.startswith("worker.") and not point.startswith(("worker.trim", "worker.purge"))
]


class Machine(RuleBasedStateMachine):
    """Real engines; ``model`` is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.model: dict[bytes, bytes] = {}
        self.newest_seq: dict[bytes, int] = {}
        self.redis_is_down = False
        self.open()

    def open(self) -> None:
        worker = WorkerSettings(batch_events=3, batch_age_seconds=0.02, retry_seconds=0.01)
        self.stack = Stack(self.folder, unhurried(Settings(worker=worker)))
        self.cache = self.stack.layer

    def teardown(self) -> None:
        self.stack.failpoints.disarm()
        self.stack.close()
        shutil.rmtree(self.folder)

    def strike(self, fault: str) -> bool:
        """Inject a fault; return False when Redis was just not running."""
        try:
            self.stack.perform(Inject(fault))
        except Unavailable:
            return False
        return True

    def acknowledged(self, key: bytes, seq: int) -> None:
        assert seq > self.newest_seq.get(key, 0)
        self.newest_seq[key] = seq

    @rule(key=keys, value=values, policy=policies)
    def set_(self, key: bytes, value: bytes, policy: str) -> None:
        self.acknowledged(key, self.cache.set(key, value, policy=policy).seq)
        self.model[key] = value

    @rule(key=keys, amount=st.integers(-100, 100), policy=policies)
    def incr(self, key: bytes, amount: int, policy: str) -> None:
        old = self.model.get(key, b"0")
        if old in (b"", b"text"):
            with pytest.raises(NotACounter):
                self.cache.incr(key, amount, policy=policy)
        else:
            total = int(old) + amount
            assert self.cache.incr(key, amount, policy=policy) == total
            self.model[key] = b"%d" % total

    @rule(key=keys, policy=policies)
    def delete(self, key: bytes, policy: str) -> None:
        self.acknowledged(key, self.cache.delete(key, policy=policy).seq)
        self.model.pop(key, None)

    @rule(changes=st.lists(st.tuples(keys, st.integers(-9, 9)), max_size=6))
    def write_many(self, changes: list[tuple[bytes, int]]) -> None:
        receipts = self.cache.write_many([("set", key, number) for key, number in changes])
        for (key, number), receipt in zip(changes, receipts, strict=True):
            self.acknowledged(key, receipt.seq)
            self.model[key] = b"%d" % number

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        read = self.cache.read(key)
        assert read.value == self.model.get(key)
        assert read.source in ("redis", "overlay", "database")

    @rule(some=st.lists(keys, max_size=8))
    def get_many(self, some: list[bytes]) -> None:
        assert self.cache.get_many(some) == [self.model.get(key) for key in some]

    @rule()
    def items(self) -> None:
        assert list(self.cache.items()) == sorted(self.model.items())

    @rule(pattern=st.sampled_from(["*", "views:*", "a"]))
    def evict(self, pattern: str) -> None:
        try:
            self.cache.evict(pattern)
        except Unavailable:
            assert not self.cache._cache._store.trusted or self.redis_is_down

    @rule()
    def drain(self) -> None:
        self.cache.drain(60)
        assert self.stack.snapshot().books.pending == 0
        rows = {key: row.value for key, row in self.cache._truth.database.scan()}
        assert {key: it for key, it in rows.items() if it is not None} == self.model

    @rule(command=st.sampled_from([PauseWorker(), ResumeWorker(), StepWorker()]))
    def steer(self, command: PauseWorker | ResumeWorker | StepWorker) -> None:
        self.stack.perform(command)

    @rule(point=st.sampled_from(WORKER_POINTS))
    def crash_the_worker(self, point: str) -> None:
        self.stack.failpoints.arm(point, "1*crash")

    @rule()
    def lose_a_reply(self) -> None:
        self.stack.failpoints.arm("redis.reply.lost", "1*raise(CacheError)")

    @precondition(lambda self: not self.redis_is_down)
    @rule()
    def kill_redis(self) -> None:
        self.strike("redis.kill")

    @precondition(lambda self: not self.redis_is_down)
    @rule()
    def hold_redis_down(self) -> None:
        # Which rules come next depends on it, so it must not depend on how fast Redis came back.
        until(lambda: self.strike("redis.down"))
        self.redis_is_down = True

    @precondition(lambda self: not self.redis_is_down)
    @rule()
    def admit_redis(self) -> None:
        wait_until_trusted(self.stack)

    @precondition(lambda self: self.redis_is_down)
    @rule()
    def heal(self) -> None:
        self.stack.perform(Heal())
        self.redis_is_down = False

    @rule()
    def close_and_open(self) -> None:
        self.stack.failpoints.disarm()
        self.stack.close()
        self.redis_is_down = False
        self.open()

    @invariant()
    def books_balance(self) -> None:
        books = self.stack.snapshot().books
        assert books.balanced
        assert books.dead == 0


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=30)
