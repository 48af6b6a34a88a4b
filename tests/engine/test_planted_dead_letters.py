"""Planted bugs of the dead letters: each scenario passes as the engine is, and catches its bug."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cachedesk.core.commands import PauseWorker, ResumeWorker
from cachedesk.core.errors import CachedeskError
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.settings import DatabaseSettings, Settings, WorkerSettings
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.dead_letter_admin import DeadLetterAdmin
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.stack.durable_state import DurableState
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase
from cachedesk.stores.sqlite.transaction import Transaction

from . import poison, scenarios
from .scenarios import BEHIND, THROUGH, copy_as_after_a_kill, held_at, running
from .until import until

_HASTY = DatabaseSettings(write_seconds=2.5)

Plant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[Path], None]


def trying(attempts: int, retry_seconds: float = 0.01) -> Settings:
    worker = WorkerSettings(
        batch_age_seconds=0.0,
        retry_seconds=retry_seconds,
        retry_max_seconds=retry_seconds,
        max_attempts=attempts,
    )
    return Settings(worker=worker)


def buried(stack: Stack, directory: Path) -> int:
    """Make an increment of ``views:1``, which is 5, poison; return its seq."""
    stack.layer.set("views:1", 5, policy=THROUGH)
    poison.forbid(directory, b"views:1")
    return stack.layer.write(("incr", "views:1", 20)).seq


# -- scenarios ------------------------------------------------------------------------------------


def attempts_survive_a_restart(directory: Path) -> None:
    """One attempt in each opening, and three are allowed."""
    for opening in range(3):
        with running(directory, trying(3, retry_seconds=3600)) as stack:
            if not opening:
                seq = buried(stack, directory)
            until(lambda stack=stack: stack.worker._failures or stack.layer.dead_letters())
    assert [dead[0] for dead in poison.execute(directory, "SELECT seq FROM dead")] == [seq]


def redis_forgets_what_was_buried(directory: Path) -> None:
    """Redis holds the value of an accepted write, and then the write is buried."""
    with running(directory, trying(1)) as stack:
        scenarios.wait_until_trusted(stack)
        stack.perform(PauseWorker())
        buried(stack, directory)
        assert stack.layer.read("views:1").source == "redis"
        stack.perform(ResumeWorker())
        until(lambda: stack.layer._truth.backlog.waiting == 0)
        assert stack.layer.get("views:1") == b"5"


def a_fill_does_not_bring_it_back(directory: Path) -> None:
    """A reader has folded it in and is about to fill the cache when it is buried."""
    with running(directory, trying(1)) as stack:
        scenarios.wait_until_trusted(stack)
        stack.perform(PauseWorker())
        buried(stack, directory)
        stack.layer.evict("*")
        with held_at(stack.failpoints, "repair.fill.before", stack.layer.get, "views:1") as reader:
            stack.perform(ResumeWorker())
            until(lambda: stack.layer._truth.backlog.waiting == 0)
        reader.result()
        assert stack.layer.get("views:1") == b"5"


def what_follows_is_not_reckoned_with_it(directory: Path) -> None:
    """More increments are pending behind the one that is buried, and then comes another."""
    with running(directory, trying(1)) as stack:
        cache = stack.layer
        poison.limit(directory)
        cache.set("views:1", 90, policy=THROUGH)
        stack.perform(PauseWorker())
        cache.write_many([("incr", "views:1", 20)], policy=BEHIND)
        with held_at(stack.failpoints, "worker.read.after", stack.perform, ResumeWorker()):
            cache.incr("views:1")
        with held_at(stack.failpoints, "worker.ack.before", cache.get, "views:2"):
            assert cache.incr("views:1") == 92


def the_dead_stay_dead_after_a_kill(directory: Path) -> None:
    """The process dies between the burial and the ack; the log delivers the event again."""
    with (
        running(directory, trying(1)) as stack,
        held_at(stack.failpoints, "worker.ack.before", buried, stack, directory) as burial,
    ):
        burial.result()
        copy_as_after_a_kill(directory, directory / "copy")
    poison.allow(directory / "copy")
    with running(directory / "copy", trying(1)) as stack:
        stack.layer.incr("views:1", 1, policy=THROUGH)
        stack.layer.drain(60)
        assert stack.layer.get("views:1") == b"6"
        assert stack.snapshot().books.dead == 1


def what_is_dropped_does_not_come_again(directory: Path) -> None:
    """It is dropped before its batch is acked, and the process dies before it is."""
    with (
        running(directory, replace(trying(1), database=_HASTY)) as stack,
        held_at(stack.failpoints, "worker.ack.before", buried, stack, directory) as burial,
    ):
        try:
            stack.layer.drop_dead(burial.result())
        except CachedeskError:
            assert len(stack.layer.dead_letters()) == 1
        copy_as_after_a_kill(directory, directory / "copy")
    poison.allow(directory / "copy")
    with running(directory / "copy", trying(1)) as stack:
        stack.layer.drain(60)
        stack.layer.evict("*")
        assert stack.layer.get("views:1") == b"5"


def a_replay_is_the_letter_or_the_write(directory: Path) -> None:
    """The process dies while a letter is replayed, before its commit."""
    with running(directory, trying(1)) as stack:
        seq = buried(stack, directory)
        until(lambda: stack.layer._truth.backlog.waiting == 0)
        poison.allow(directory)
        with held_at(
            stack.failpoints, "through.commit.before", stack.layer.replay_dead, seq
        ) as replay:
            copy_as_after_a_kill(directory, directory / "copy")
        replay.result()
    with running(directory / "copy", trying(1)) as stack:
        letters = [letter.seq for letter in stack.layer.dead_letters()]
        assert (letters, stack.layer.get("views:1")) == ([seq], b"5")


# -- bugs -----------------------------------------------------------------------------------------


def attempts_in_memory_only(patch: pytest.MonkeyPatch) -> None:
    memory: dict[int, int] = {}
    opened = SqliteDatabase.__init__

    def open_afresh(self: SqliteDatabase, path: Path, *more: float) -> None:
        memory.clear()
        opened(self, path, *more)

    patch.setattr(SqliteDatabase, "__init__", open_afresh)
    patch.setattr(Transaction, "attempts", lambda self, seqs: dict(memory))
    patch.setattr(Transaction, "count_attempts", lambda self, counted: memory.update(counted))


def buried_but_left_in_redis(patch: pytest.MonkeyPatch) -> None:
    put = RedisCache.put

    def put_values(self: RedisCache, entries: Mapping[bytes, Entry]) -> None:
        put(self, {key: entry for key, entry in entries.items() if entry.value is not None})

    patch.setattr(RedisCache, "put", put_values)


def buried_without_a_new_version(patch: pytest.MonkeyPatch) -> None:
    def drop_quietly(self: LeasedCache, keys: Collection[bytes]) -> None:
        self._store.put(dict.fromkeys(keys, ABSENT))

    patch.setattr(LeasedCache, "drop", drop_quietly)


def heads_keep_what_was_buried(patch: pytest.MonkeyPatch) -> None:
    settle = PendingEvents.settle

    def settle_and_know(self: PendingEvents, *arguments: Any) -> int:
        known = {key: queue.head for key, queue in self._queues.items()}
        settled = settle(self, *arguments)
        for key, queue in self._queues.items():
            queue.head = known[key]
        return settled

    patch.setattr(PendingEvents, "settle", settle_and_know)


def the_dead_are_pending_again_at_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DurableState, "_undecided", lambda self, events: events)


def letters_taken_before_the_ack(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeadLetterAdmin, "_wait_until_acked", lambda self, seq, deadline: None)


def letter_taken_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    remove = Transaction.remove_letter

    def remove_now(self: Transaction, seq: int) -> bool:
        found = remove(self, seq)
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN IMMEDIATE")
        return found

    patch.setattr(Transaction, "remove_letter", remove_now)


BUGS: list[tuple[Plant, Scenario]] = [
    (attempts_in_memory_only, attempts_survive_a_restart),
    (buried_but_left_in_redis, redis_forgets_what_was_buried),
    (buried_without_a_new_version, a_fill_does_not_bring_it_back),
    (heads_keep_what_was_buried, what_follows_is_not_reckoned_with_it),
    (the_dead_are_pending_again_at_open, the_dead_stay_dead_after_a_kill),
    (letters_taken_before_the_ack, what_is_dropped_does_not_come_again),
    (letter_taken_outside_the_transaction, a_replay_is_the_letter_or_the_write),
]


@pytest.mark.parametrize(("plant", "scenario"), BUGS, ids=[plant.__name__ for plant, _ in BUGS])
def test_a_planted_bug_is_caught(
    plant: Plant, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(scenarios.FAILURES):
        scenario(tmp_path)


@pytest.mark.parametrize("scenario", [scenario for _, scenario in BUGS])
def test_without_the_bug_the_scenario_passes(scenario: Scenario, tmp_path: Path) -> None:
    scenario(tmp_path)
