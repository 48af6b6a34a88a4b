"""Degrading well: what each call does under each fault, that nothing read is ever stale, and that
all works again once it is healed, without a restart and to the exact truth.

A row of the table is a fault, a letter of it a call: ``s`` it is served, ``U`` it raises
``Unavailable``; either way within the deadline of a write and a bound for a busy machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import CacheError, Unavailable
from cachedesk.core.settings import DatabaseSettings, LogSettings, Settings, WorkerSettings
from cachedesk.core.snapshot import Health
from cachedesk.stack.fault_catalog import CATALOG
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.connection import RedisConnection

from .scenarios import BEHIND, THROUGH, copy_as_after_a_kill, running, wait_until_trusted
from .until import together, until

pytestmark = pytest.mark.slow

# A disk that others use has been seen to take a quarter of a second for one commit.
DEADLINE_SECONDS = 1.0
BOUND_SECONDS = 60.0

HASTY = Settings(
    database=DatabaseSettings(write_seconds=DEADLINE_SECONDS),
    worker=WorkerSettings(batch_age_seconds=0.01, retry_seconds=0.01, retry_max_seconds=0.05),
    log=LogSettings(block_seconds=DEADLINE_SECONDS),
)

CALLS = (
    "get cached",
    "get uncached",
    "get_many",
    "set through",
    "incr through",
    "delete through",
    "set behind",
    "incr behind, known",
    "incr behind, unknown",
    "delete behind",
    "read own write",
    "drain",
)

# fmt: off
TABLE = {
    #                       get  get   get_  set  incr del   set  incr incr del   read drain
    #                       cach unc   many  -- through --   -- behind -known-    own
    "database.lock":       ("s", "s",  "s",  "U", "U", "U",  "s", "s", "s", "s",  "s", "U"),
    "database.full":       ("s", "s",  "s",  "U", "U", "U",  "s", "s", "s", "s",  "s", "U"),
    "database.readonly":   ("s", "s",  "s",  "U", "U", "U",  "s", "s", "s", "s",  "s", "U"),
    "database.slow:30s":   ("s", "U",  "U",  "U", "U", "U",  "s", "s", "U", "s",  "s", "U"),
    "database.gone":       ("s", "U",  "U",  "U", "U", "U",  "s", "s", "U", "s",  "s", "U"),
    "redis.down":          ("s", "s",  "s",  "s", "s", "s",  "s", "s", "s", "s",  "s", "s"),
    "redis.hang":          ("s", "s",  "s",  "s", "s", "s",  "s", "s", "s", "s",  "s", "s"),
    "redis.squeeze":       ("s", "s",  "s",  "s", "s", "s",  "s", "s", "s", "s",  "s", "s"),
    "log.full":            ("s", "s",  "s",  "s", "s", "s",  "U", "U", "U", "U",  "s", "s"),
}
# fmt: on


class Model:
    """What must be there, changed only by calls that returned."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.truth: dict[str, bytes] = {}
        self.tried: set[str] = set()

    def write(self, op: str, key: str, argument: object, policy: str) -> None:
        """Write, and remember it once it was acknowledged."""
        self.tried.add(key)
        receipt = self.stack.layer.write((op, key, argument), policy=policy)
        if receipt.value is None:
            self.truth.pop(key, None)
        else:
            self.truth[key] = receipt.value
        if op == "set":
            assert receipt.value == argument

    def read(self, *keys: str) -> None:
        """Read, and see that it is the newest acknowledged value."""
        if len(keys) == 1:
            found = [self.stack.layer.get(keys[0])]
        else:
            found = self.stack.layer.get_many(keys)
        assert found == [self.truth.get(key) for key in keys]

    def read_whatever_can_be_read(self) -> None:
        """No read may show what was refused, nor miss what was not."""
        for key in self.tried:
            with suppress(Unavailable):
                self.read(key)


def begin(stack: Stack) -> Model:
    """Write and flush some keys; only ``cached:*`` are in Redis then."""
    model = Model(stack)
    for name in ("cached:1", "cached:2", "cold:1", "cold:2", "cold:3", "w:set", "w:del", "b:del"):
        model.write("set", name, b"old", THROUGH)
    for name in ("cold:counter", "w:incr", "b:unknown"):
        model.write("incr", name, 7, THROUGH)
    model.write("incr", "b:known", 1, BEHIND)
    stack.layer.drain(60)
    for pattern in ("cold:*", "b:unknown"):
        stack.layer.evict(pattern)
    return model


def calls(model: Model, turn: int) -> dict[str, Callable[[], object]]:
    """Return the calls of the table; ``turn`` tells those of one round from another's."""
    value = b"new %d" % turn
    return {
        "get cached": lambda: model.read("cached:1"),
        "get uncached": lambda: model.read(f"cold:{turn}"),
        "get_many": lambda: model.read("cached:1", "cold:3", "cached:2", "cold:counter"),
        "set through": lambda: model.write("set", "w:set", value, THROUGH),
        "incr through": lambda: model.write("incr", "w:incr", 1, THROUGH),
        "delete through": lambda: model.write("delete", "w:del", None, THROUGH),
        "set behind": lambda: model.write("set", "b:set", value, BEHIND),
        "incr behind, known": lambda: model.write("incr", "b:known", 1, BEHIND),
        "incr behind, unknown": lambda: model.write("incr", "b:unknown", 1, BEHIND),
        "delete behind": lambda: model.write("delete", "b:del", None, BEHIND),
        "read own write": lambda: model.read("b:set"),
        "drain": lambda: model.stack.layer.drain(DEADLINE_SECONDS),
    }


def outcome(call: Callable[[], object]) -> str:
    """Return the letter of what ``call`` does."""
    began = time.monotonic()
    try:
        call()
    except Unavailable:
        letter = "U"
    else:
        letter = "s"
    assert time.monotonic() - began < DEADLINE_SECONDS + BOUND_SECONDS
    return letter


def outcomes(calls: dict[str, Callable[[], object]], *, at_once: bool) -> dict[str, str]:
    """Return the letter of each call: one after the other, or all at once, where each takes as long
    as it may. (The read of what was written waits for the write, as it always must.)"""
    if not at_once:
        return {name: outcome(call) for name, call in calls.items()}
    first = {name: call for name, call in calls.items() if name != "read own write"}
    letters = together([lambda call=call: outcome(call) for call in first.values()])  # type: ignore[misc]
    found = dict(zip(first, letters, strict=True))
    return {name: found[name] if name in found else outcome(calls[name]) for name in calls}


def warm_known_counter(model: Model) -> None:
    """Let the value of a write-behind counter be known without the database: it is pending."""
    model.stack.worker.controls.pause()
    model.write("incr", "b:known", 1, BEHIND)


def test_the_table_has_every_lasting_fault() -> None:
    lasting = {name for name, kind in CATALOG.kinds.items() if kind.lasting}
    assert {CATALOG.parsed(fault)[0] for fault in TABLE} == lasting


@pytest.mark.parametrize("fault", TABLE)
def test_the_table(tmp_path: Path, fault: str) -> None:
    with running(tmp_path / "data", HASTY) as stack:
        model = begin(stack)
        warm_known_counter(model)
        stack.perform(Inject(fault))
        stack.worker.controls.resume()
        slow = fault.startswith("database.slow")
        keeps_waiting = slow or fault == "database.lock"
        for turn in (1, 2):
            found = outcomes(calls(model, turn), at_once=keeps_waiting and turn == 2)
            assert found == dict(zip(CALLS, TABLE[fault], strict=True))
            assert stack.snapshot().books.balanced
            if not slow:
                model.read_whatever_can_be_read()
        copy_as_after_a_kill(tmp_path / "data", tmp_path / "killed")
        stack.perform(Heal())
        for call in calls(model, 3).values():
            call()
        wait_until_trusted(stack)
        stack.layer.drain(60)
        truth = {key.encode(): value for key, value in model.truth.items()}
        assert dict(stack.layer.items()) == truth
        assert stack.layer.get_many(list(truth)) == list(truth.values())
        until(lambda: stack.snapshot().worker.health is Health.UP)
        assert stack.snapshot().database.word == "up"
        at_the_kill = {**truth, b"w:set": b"new 2", b"b:set": b"new 2"}
    with running(tmp_path / "data") as stack:
        assert dict(stack.layer.items()) == truth
    with running(tmp_path / "killed") as stack:
        # What the fault refused was never half done: it is not there after a kill either.
        there = dict(stack.layer.items())
        if "U" in TABLE[fault][3:6]:
            assert there[b"w:set"] == b"old"
            assert there[b"w:incr"] == b"7"
            assert there[b"w:del"] == b"old"
        else:
            assert there[b"w:set"] == at_the_kill[b"w:set"]
            assert b"w:del" not in there
        if TABLE[fault][6] == "U":
            assert b"b:set" not in there
            assert there[b"b:known"] == b"2"
            assert there[b"b:del"] == b"old"
        else:
            assert there[b"b:set"] == at_the_kill[b"b:set"]
            assert there[b"b:known"] == b"4"
            assert b"b:del" not in there


@pytest.mark.parametrize("fault", [name for name in TABLE if name.startswith("database.")])
def test_with_the_database_failing_write_behind_goes_on_to_the_limit_of_the_log(
    tmp_path: Path, fault: str
) -> None:
    settings = Settings(
        database=HASTY.database,
        worker=HASTY.worker,
        log=LogSettings(limit_events=50, when_full="reject"),
    )
    with running(tmp_path, settings) as stack:
        stack.perform(Inject(fault))
        for number in range(50):
            stack.layer.set("session:1", b"%d" % number)
        with pytest.raises(Unavailable, match="log is full"):
            stack.layer.set("session:1", b"one too many")
        assert stack.layer.get("session:1") == b"49"
        stack.perform(Heal())
        stack.layer.drain(60)
        stack.layer.set("session:1", b"there is room")
        assert stack.layer.get("session:1") == b"there is room"


@pytest.mark.parametrize("fault", ["database.lock", "database.slow:600s", "database.gone"])
def test_many_callers_each_get_their_answer_by_their_deadline(tmp_path: Path, fault: str) -> None:
    """No caller waits for the deadline of those before: one after the other, 128 deadlines would
    take two minutes."""
    with running(tmp_path, HASTY) as stack:
        begin(stack)
        stack.perform(Inject(fault))

        def write(number: int) -> str:
            return outcome(lambda: stack.layer.set(f"order:{number % 4}", b"x"))

        answers = together([lambda number=number: write(number) for number in range(128)])
        assert answers == ["U"] * 128
        stack.perform(Heal())
        stack.layer.set("order:1", b"y")
        assert stack.layer.get_many([f"order:{n}" for n in range(4)]) == [None, b"y", None, None]


def test_a_write_through_of_the_second_choice_meets_the_full_database_too(tmp_path: Path) -> None:
    """The log is at its limit and degrades to write-through, which fails in its turn."""
    settings = Settings(
        database=HASTY.database,
        worker=HASTY.worker,
        log=LogSettings(limit_events=1, when_full="write-through"),
    )
    with running(tmp_path, settings) as stack:
        stack.perform(Inject("database.full"))
        assert stack.layer.set("session:1", b"logged").level == "durable"
        with pytest.raises(Unavailable, match="full"):
            stack.layer.set("session:1", b"refused by both")
        assert stack.layer.get("session:1") == b"logged"
        stack.perform(Heal())
        stack.layer.drain(60)
        assert list(stack.layer.items()) == [(b"session:1", b"logged")]


def test_the_worker_says_why_it_cannot_flush_and_buries_nothing(tmp_path: Path) -> None:
    """However often a full, read-only, slow or missing database refuses a batch, it is not the
    fault of the events."""
    with running(tmp_path, HASTY) as stack:
        stack.layer.write_many([("incr", f"views:{n}") for n in range(50)], policy=BEHIND)
        stack.layer.drain(60)
        for fault in ("database.full", "database.readonly", "database.gone"):
            stack.worker.controls.pause()
            stack.layer.write_many([("incr", f"views:{n}") for n in range(50)], policy=BEHIND)
            stack.perform(Inject(fault))
            before = stack.worker._failures
            stack.worker.controls.resume()
            until(lambda before=before: stack.worker._failures > before + 10)
            worker = stack.snapshot().worker
            assert (worker.health, worker.word) == (Health.DEGRADED, "retrying")
            assert worker.last_error
            stack.perform(Heal())
            stack.layer.drain(60)
        assert {value for _, value in stack.layer.items()} == {b"4"}
        assert stack.snapshot().books.dead == 0


# -- the circuit breaker ---------------------------------------------------------------------------


class Tries:
    """Counts what callers do to Redis: connections and failed calls. (The supervisor and the
    auditor go on trying, each on a thread of its own; that costs no caller anything.)"""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.connections = self.failures = 0
        self._not_callers = ("redis-supervisor", "auditor")
        opened, receive = RedisConnection.__init__, RedisConnection._receive

        def open_counted(connection: RedisConnection, *arguments: object) -> None:
            self.connections += self._ours()
            opened(connection, *arguments)  # type: ignore[arg-type]

        def receive_counted(connection: RedisConnection) -> object:
            try:
                return receive(connection)
            except CacheError:
                self.failures += self._ours()
                raise

        patch.setattr(RedisConnection, "__init__", open_counted)
        patch.setattr(RedisConnection, "_receive", receive_counted)

    def _ours(self) -> bool:
        return threading.current_thread().name not in self._not_callers


@pytest.mark.parametrize("fault", ["redis.hang", "redis.down"])
def test_a_thousand_reads_cost_one_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    tries = Tries(monkeypatch)
    with running(tmp_path, HASTY) as stack:
        stack.layer.set("order:1", b"x")
        tries.connections = tries.failures = 0
        stack.perform(Inject(fault))
        for _ in range(1_000):
            assert stack.layer.get("order:1") == b"x"
        assert tries.failures <= 1
        assert tries.connections <= 1
        assert fault == "redis.down" or tries.failures == 1, "it hung, and that was noticed"
        stack.layer.get_many(["order:1"] * 10)
        for number in range(100):
            stack.layer.set("order:1", b"%d" % number)
        assert tries.failures <= 1
        assert tries.connections <= 1
        stack.perform(Heal())
        wait_until_trusted(stack)
        assert stack.layer.get("order:1") == b"99"


def test_eight_readers_at_once_cost_at_most_a_timeout_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = Tries(monkeypatch)
    with running(tmp_path, HASTY) as stack:
        stack.layer.set("order:1", b"x")
        tries.connections = tries.failures = 0
        stack.perform(Inject("redis.hang"))

        def read() -> set[bytes | None]:
            return {stack.layer.get("order:1") for _ in range(250)}

        assert together([read] * 8) == [{b"x"}] * 8
        assert 1 <= tries.failures <= 8
        assert tries.connections <= 8
