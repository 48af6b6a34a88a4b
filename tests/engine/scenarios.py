"""Scenarios: the attacks on the promises, each a function on an empty folder.

The promise tests run them against the engine as it is; ``test_planted_bugs`` runs the same
functions against an engine with one bug planted and shows that each bug is caught.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cachedesk.core.commands import EvictKey, Heal, Inject
from cachedesk.core.errors import CachedeskError, CacheError, Damaged, InUse, Unavailable
from cachedesk.core.events import ABSENT, Entry, entries_of
from cachedesk.core.failpoints import ComponentCrash, Failpoints
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack
from cachedesk.stores.queue_log.opening import open_log
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.redis_cache import RedisCache
from cachedesk.stores.redis.server_process import executable

from . import until as waiting
from .until import Task, unhurried, until

THROUGH, BEHIND = "write-through", "write-behind"
PATIENT = msgspec.structs.replace(
    Settings(), worker=WorkerSettings(batch_events=1_000_000, batch_age_seconds=3600)
)
"""Settings under which the worker flushes only when it is told to."""


@contextmanager
def running(
    directory: Path, settings: Settings | None = None, failpoints: Failpoints | None = None
) -> Iterator[Stack]:
    """Run a stack in ``directory`` and close it, whatever fails."""
    stack = Stack(directory, unhurried(settings), failpoints=failpoints)
    try:
        yield stack
    finally:
        stack.failpoints.disarm()
        stack.close()


@contextmanager
def held_at(
    failpoints: Failpoints, point: str, call: Callable[..., Any], *arguments: Any, **named: Any
) -> Iterator[Task]:
    """Run ``call`` on a thread; the block begins once it pauses at ``point`` of ``failpoints``, and
    at its end it goes on."""
    before = failpoints.hits().get(point, 0)

    def reached() -> bool:
        return failpoints.hits().get(point, 0) > before

    failpoints.arm(point, "1*pause")
    try:
        task = Task(call, *arguments, **named)
        until(lambda: reached() or task.failed)
        if not reached():
            task.result()
        yield task
    finally:
        failpoints.disarm(point)


def interrupted(failpoints: Failpoints, call: Callable[..., Any], *arguments: Any, at: str) -> None:
    """Run ``call`` and have it die at the failpoint ``at``, as an interrupt would."""
    failpoints.arm(at, "1*crash")
    with pytest.raises(ComponentCrash):
        call(*arguments)
    failpoints.disarm(at)


def soon() -> float:
    """Return a deadline that nothing here reaches."""
    return time.monotonic() + 600


def wait_until_trusted(stack: Stack) -> None:
    """Return once Redis is in use."""
    until(lambda: stack.snapshot().redis.word == "up")


class BareRedis:
    """A redis-server at a socket, asked by a new connection for each command: an admission of
    the cache cuts all others."""

    def __init__(self, socket: Path, pid: int | None = None) -> None:
        self._socket, self._pid = str(socket), pid

    def call(self, *command: bytes | int) -> object:
        """Return the reply to one command."""
        connection = RedisConnection(self._socket, 5.0)
        try:
            return connection.call(*command)
        finally:
            connection.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the server for the block, so that it accepts commands and never answers."""
        assert self._pid is not None
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    def answers(self) -> bool:
        """Whether anybody listens."""
        try:
            return self.call(b"PING") == b"PONG"
        except CacheError:
            return False


@contextmanager
def redis_at(socket: Path) -> Iterator[BareRedis]:
    """Run a redis-server of our own at ``socket``."""
    server = subprocess.Popen(
        [executable(), "--port", "0", "--unixsocket", str(socket), "--save", ""],
        cwd=socket.parent,
        stdout=subprocess.DEVNULL,
    )
    try:
        redis = BareRedis(socket, server.pid)
        until(redis.answers)
        yield redis
    finally:
        server.kill()
        server.wait()
        socket.unlink(missing_ok=True)


# -- promise 1 and 2: nothing lost, applied once -------------------------------------------------


def replayed_batch_changes_nothing(directory: Path) -> None:
    """The worker dies after its commit and before its ack: the batch comes again."""
    with running(directory) as stack:
        stack.worker.controls.pause()
        for _ in range(5):
            stack.layer.incr("views:1")
        stack.failpoints.arm("worker.apply.after_commit", "1*crash")
        stack.layer.drain(waiting.PATIENCE_SECONDS)
        stack.layer.evict("*")
        assert stack.layer.get("views:1") == b"5"
        until(lambda: stack.snapshot().worker.redelivered == 5)


def crash_before_the_commit_loses_nothing(directory: Path) -> None:
    """The worker dies after it has read a batch and before its transaction is committed."""
    with running(directory) as stack:
        stack.layer.set("session:1", b"kept")
        stack.failpoints.arm("worker.apply.before_commit", "1*crash")
        stack.layer.drain(waiting.PATIENCE_SECONDS)
        stack.layer.evict("*")
        assert stack.layer.get("session:1") == b"kept"


def pending_events_survive_a_restart(directory: Path) -> None:
    """What is only in the log is seen after the next open, before any flush."""
    with running(directory, PATIENT) as stack:
        stack.layer.set("session:1", b"logged")
        stack.layer.incr("views:1", 7)
    with running(directory, PATIENT) as stack:
        read = stack.layer.read("session:1")
        assert (read.value, read.pending) == (b"logged", 1)
        assert stack.layer.incr("views:1") == 8


def log_events_are_known_by_their_seq(directory: Path) -> None:
    """Log events stay above older write-through writes of their key, in a log that is new."""
    with running(directory) as stack:
        for _ in range(3):
            stack.layer.incr("mixed", policy=THROUGH)
        stack.layer.incr("mixed", policy=BEHIND)
        stack.layer.drain(waiting.PATIENCE_SECONDS)
        stack.layer.evict("*")
        assert stack.layer.get("mixed") == b"4"


def log_is_safe_against_power_cuts(directory: Path) -> None:
    """Both connections of the log say FULL when they are asked."""
    log = open_log(directory / "log")
    try:
        queue = log._queue
        for connection in (queue._getter, queue._putter):
            assert connection.execute("PRAGMA synchronous").fetchone()[0] >= 2
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    finally:
        log.close()


def database_is_safe_against_power_cuts(directory: Path) -> None:
    """The database's writer says FULL when it is asked."""
    with running(directory) as stack:
        writer = stack.layer._truth.database._writer
        assert writer is not None
        assert writer.execute("PRAGMA synchronous").fetchone()[0] >= 2
        assert writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def one_process_per_directory(directory: Path) -> None:
    """A second stack on the directory is refused; the error names who has it."""
    with running(directory), pytest.raises(InUse, match=rf"process {os.getpid()};"):
        Stack(directory).close()


def lost_wal_is_noticed(directory: Path) -> None:
    """After a kill the newest events are in the -wal file; it is deleted."""
    copy = directory / "copy"
    with running(directory / "data", PATIENT) as stack:
        stack.layer.set("session:1", b"in the -wal")
        copy_as_after_a_kill(directory / "data", copy)
    for wal in (copy / "log").glob("log.db-*"):
        wal.unlink()
    with pytest.raises(Damaged, match="lost events 1 to 1"):
        Stack(copy).close()


def copy_as_after_a_kill(source: Path, target: Path) -> None:
    """Copy an open data directory, without what names the running server."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("redis.state", "lock"))


# -- promise 3: order per key ---------------------------------------------------------------------


def write_through_absorbs_what_is_pending(directory: Path) -> None:
    """A write-through meets pending events of its key."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.incr("mixed", 5, policy=BEHIND)
        assert cache.incr("mixed", policy=THROUGH) == 6
        cache.set("word", b"old", policy=BEHIND)
        cache.set("word", b"new", policy=THROUGH)
        cache.drain(waiting.PATIENCE_SECONDS)
        cache.evict("*")
        assert cache.get_many(["mixed", "word"]) == [b"6", b"new"]


def the_paths_do_not_overtake_each_other(directory: Path) -> None:
    """A write-behind has its seq but is not in the log yet when a write-through of its key
    comes: it must not be overtaken, or its seq would be below its row's."""
    with running(directory) as stack:
        cache = stack.layer
        with held_at(
            stack.failpoints, "log.append.before", cache.incr, "mixed", 1, policy=BEHIND
        ) as behind:
            through = Task(cache.incr, "mixed", 10, policy=THROUGH)
            locks = cache._truth.through._locks
            until(lambda: not through.is_alive() or locks._queue)
        behind.result()
        through.result()
        cache.drain(waiting.PATIENCE_SECONDS)
        cache.evict("*")
        assert cache.get("mixed") == b"11"


# -- promise 4: fresh reads -----------------------------------------------------------------------


def flush_between_the_two_reads(directory: Path) -> None:
    """A reader has read one of (pending events, row); a flush moves the event across."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.set("session:1", b"here")
        stack.perform(EvictKey(b"session:1"))
        with held_at(stack.failpoints, "repair.overlay.after", cache.get, "session:1") as reader:
            cache.drain(waiting.PATIENCE_SECONDS)
        assert reader.result() == b"here"


def write_between_row_and_fill(directory: Path) -> None:
    """A reader has read the row; the key is written; the reader fills Redis."""
    with running(directory) as stack:
        cache = stack.layer
        cache.set("order:1", b"old")
        stack.perform(EvictKey(b"order:1"))
        with held_at(stack.failpoints, "repair.fill.before", cache.get, "order:1") as reader:
            cache.set("order:1", b"new")
        assert reader.result() in (b"old", b"new")
        assert cache.get("order:1") == b"new"


def joined_flight_is_new_enough(directory: Path) -> None:
    """A reader sets out after an acknowledged write and meets a flight from before it."""
    with running(directory) as stack:
        cache = stack.layer
        cache.set("order:1", b"old")
        stack.perform(EvictKey(b"order:1"))
        with held_at(stack.failpoints, "repair.row.after", cache.get, "order:1") as first:
            cache.set("order:1", b"new")
            stack.perform(EvictKey(b"order:1"))
            second = Task(cache.get, "order:1")
            until(lambda: waiting_readers(cache) or not second.is_alive())
        assert first.result() in (b"old", b"new")
        assert second.result() == b"new"


def waiting_readers(cache: CacheLayer) -> int:
    """Return how many readers wait for the lease of another."""
    leases = list(cache._truth.routes.reader._cache._leases.values())
    return sum(lease.waiters for lease in leases)


def late_command_is_not_believed(directory: Path) -> None:
    """Redis hangs with a SET unread in its socket, a newer write goes past it, Redis goes on
    and executes the old SET."""
    with running(directory) as stack:
        cache = stack.layer
        cache.set("session:1", b"first")
        stack.perform(Inject("redis.hang"))
        cache.set("session:1", b"sent, timed out")
        cache.set("session:1", b"newest")
        assert cache.get("session:1") == b"newest"
        stack.perform(Heal())
        wait_until_trusted(stack)
        assert cache.get("session:1") == b"newest"


def writes_past_redis_are_remembered(directory: Path) -> None:
    """Redis is bypassed while a key is written, and comes back with the value it had."""
    with running(directory) as stack:
        cache = stack.layer
        for policy in (THROUGH, BEHIND):
            cache.set(policy, b"old")
            stack.perform(Inject("redis.hang"))
            # A read times out first, so that the write is not even sent.
            assert cache.get("something else") is None
            cache.set(policy, b"new", policy=policy)
            stack.perform(Heal())
            wait_until_trusted(stack)
            assert cache.get(policy) == b"new"


def lost_reply_leaves_the_key_in_doubt(directory: Path) -> None:
    """The connection breaks before the reply to a SET; what Redis did is not known."""
    with running(directory) as stack:
        cache = stack.layer
        cache.set("order:1", b"old")
        stack.failpoints.arm("redis.reply.lost", "1*raise(CacheError)")
        cache.set("order:1", b"new")
        assert cache.get("order:1") == b"new"
        wait_until_trusted(stack)
        assert cache.get("order:1") == b"new"
        assert cache.read("order:1").source == "redis"


def a_timeout_is_met_once(directory: Path) -> None:
    """Redis hangs: one call waits for it; the next ones fail at once and open no connection."""
    socket, opened = directory / "r.sock", []

    def connect(*arguments: Any) -> RedisConnection:
        opened.append(arguments)
        return RedisConnection(*arguments)

    cache = RedisCache(str(socket), 0.5, connect=connect)
    with redis_at(socket) as redis:
        cache.trust()
        assert cache.get(b"key") is None
        with redis.hanging():
            with pytest.raises(CacheError):
                cache.get(b"key")
            before = len(opened)
            for _ in range(3):
                with pytest.raises(CacheError):
                    cache.get(b"key")
            assert len(opened) == before
    cache.close()


def what_cannot_be_read_is_not_absent(directory: Path) -> None:
    """Redis has no copy and the database cannot be opened: there is no answer."""
    with running(directory) as stack:
        stack.layer.set("order:1", b"there", policy=THROUGH)
        stack.layer.evict("*")
        stack.perform(Inject("database.gone"))
        with pytest.raises(Unavailable):
            stack.layer.get("order:1")
        stack.perform(Heal())
        assert stack.layer.get("order:1") == b"there"


def another_server_is_not_believed(directory: Path) -> None:
    """The server is replaced by another one that holds an old value, as from a snapshot."""
    socket = directory / "r.sock"
    cache = RedisCache(str(socket), 1.0)
    try:
        with redis_at(socket):
            cache.trust()
            cache.put(entries_of({b"key": b"new"}))
            stored = cache.stored_as(b"key")
            assert cache.get(b"key") == b"new"
        with redis_at(socket) as redis:
            # It may be under any name that was ever ours: as a snapshot has it.
            redis.call(b"SET", stored, b"old")
            for _ in range(3):
                try:
                    assert cache.get(b"key") in (None, b"new")
                except CacheError:
                    cache.trust()
    finally:
        cache.close()


def what_is_not_compared_yet_is_not_read(directory: Path) -> None:
    """A call has found Redis trusted when another generation begins, and goes on while that one is
    filled with what the snapshot of an earlier one holds."""
    socket = directory / "r.sock"
    cache, seen = RedisCache(str(socket), 5.0), []
    server = cache.trusted_server
    very_many = [b"%d" % number for number in range(10_001)]
    try:
        with redis_at(socket):
            cache.trust()
            cache.put(entries_of({b"key": b"old"}))
            cache.distrust(very_many, "everything is to be dropped")
            cache.trust()
            under_way = [server.checkout() for _ in range(2)]
            cache.distrust(very_many, "everything is to be dropped")

            def truths(keys: Sequence[bytes]) -> dict[bytes, Entry]:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(server, "checkout", under_way.pop)
                    seen.extend([cache.get(b"key"), *cache.get_many([b"key"])])
                return dict.fromkeys(keys, ABSENT)

            assert cache.trust(truths).dropped == 1
            assert seen == [None, None]
    finally:
        cache.close()


def restarted_redis_is_empty(directory: Path) -> None:
    """Redis is killed and comes back; what was written meanwhile is read."""
    with running(directory) as stack:
        cache = stack.layer
        cache.set("session:1", b"old")
        stack.perform(Inject("redis.kill"))
        cache.set("session:1", b"new")
        assert cache.get("session:1") == b"new"
        until(lambda: stack.snapshot().redis.restarts == 1)
        wait_until_trusted(stack)
        assert cache.get("session:1") == b"new"


def poison_becomes_a_dead_letter(directory: Path) -> None:
    """Somebody makes a row a text while an increment of it is pending."""
    with running(directory, PATIENT) as stack:
        cache = stack.layer
        cache.set("views:bad", b"1", policy=THROUGH)
        cache.incr("views:bad", 5)
        cache.incr("views:good", 7)
        with sqlite3.connect(directory / "cachedesk.db") as other:
            other.execute("UPDATE rows SET value=? WHERE key=?", (b"text", b"views:bad"))
        other.close()
        cache.drain(waiting.PATIENCE_SECONDS)
        books = stack.snapshot().books
        assert (books.dead, books.pending, books.balanced) == (1, 0, True)
        assert cache._truth.database.count()[1] == 1
        until(lambda: cache.get("views:bad") == b"text")
        assert cache.get("views:good") == b"7"


FAILURES = (AssertionError, CachedeskError, pytest.fail.Exception)
"""What a scenario raises when its promise is broken."""
