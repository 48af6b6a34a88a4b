"""After a commit that failed nothing is built on it before it was found out what became of it; and
all works again, without a restart, when the disk does."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cachedesk.core.errors import OutcomeUnknown, Unavailable
from cachedesk.stack.stack import Stack
from cachedesk.stores.queue_log.queue import DurableQueue

from .until import until

OpenStack = Callable[..., Stack]


@contextmanager
def files_end_at(size_bytes: int) -> Iterator[None]:
    """Let every write beyond ``size_bytes`` of a file fail, in this process: for SQLite that is an
    I/O error, in the middle of a commit too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


KEYS = {"log/log.db-wal": "views:1", "cachedesk.db-wal": "order:1"}


@pytest.fixture(params=KEYS)
def failing(request: pytest.FixtureRequest, stack: Stack) -> tuple[Stack, str, Path]:
    """A stack with ten acknowledged increments of a key, its key, and the file that will fail."""
    stack.worker.controls.pause()
    key = KEYS[request.param]
    for _ in range(10):
        stack.layer.incr(key)
    return stack, key, stack.place.path / request.param


def test_a_write_is_refused_while_the_disk_fails_and_taken_again_after(
    failing: tuple[Stack, str, Path],
) -> None:
    stack, key, _ = failing
    with files_end_at(4096):
        with pytest.raises(OutcomeUnknown):
            stack.layer.incr(key)
        for _ in range(3):
            with pytest.raises(Unavailable):
                stack.layer.incr(key)
        log = stack.snapshot().log
        assert log.word == ("failed" if key == KEYS["log/log.db-wal"] else "up")
        assert int(stack.layer.get(key) or 0) in {10, 11}
    reached = stack.layer.incr(key)
    assert reached in {11, 12}
    assert stack.layer.get(key) == b"%d" % reached
    stack.layer.drain(60)
    assert stack.snapshot().books.balanced
    assert stack.snapshot().log.word == "up"


def test_the_files_are_settled_before_the_next_write(
    failing: tuple[Stack, str, Path], open_stack: OpenStack
) -> None:
    stack, key, path = failing
    with files_end_at(path.stat().st_size):
        with pytest.raises(OutcomeUnknown):
            stack.layer.incr(key)
        reached = stack.layer.incr(key)
    stack.close()
    again = open_stack()
    assert again.layer.get(key) == b"%d" % reached
    assert reached in {11, 12}


def test_what_a_failed_commit_may_have_left_is_adopted_once(
    failing: tuple[Stack, str, Path],
) -> None:
    stack, key, path = failing
    with files_end_at(path.stat().st_size), pytest.raises(OutcomeUnknown):
        stack.layer.incr(key)
    for _ in range(100):
        stack.layer.incr(key)
    assert int(stack.layer.get(key) or 0) in {110, 111}
    stack.worker.controls.resume()
    stack.layer.drain(60)
    stack.layer.evict("*")
    assert int(stack.layer.get(key) or 0) in {110, 111}
    books = stack.snapshot().books
    assert books.balanced
    assert books.pending == 0


def test_a_delete_is_not_undone_by_a_failed_set_that_comes_back(stack: Stack) -> None:
    """The row of the delete says that the set before it is overtaken, so it stays while a commit
    that failed may have left the set in the log."""
    path = stack.place.path / "log" / "log.db-wal"
    stack.layer.incr("views:other")
    stack.layer.drain(60)
    with files_end_at(path.stat().st_size), pytest.raises(OutcomeUnknown):
        stack.layer.set("views:1", b"x" * 5000)
    deleted = stack.layer.delete("views:1", policy="write-through").seq
    acked_through = stack.backlog.acked_through
    assert acked_through < deleted
    assert stack.layer._truth.database.trim(acked_through, 1e12) == 0
    stack.layer.incr("views:other")
    assert stack.layer.get("views:1") is None


def test_a_failure_during_the_mending_is_not_forgotten(stack: Stack) -> None:
    path = stack.place.path / "log" / "log.db-wal"
    stack.layer.incr("views:1")
    with files_end_at(path.stat().st_size), pytest.raises(OutcomeUnknown):
        stack.layer.set("views:1", b"x" * 5000)
    log = stack.log
    with log.mending():
        log._fail(OSError("an ack failed meanwhile"))
    assert log.failed
    stack.layer.incr("views:2")
    assert not log.failed


def test_the_worker_goes_on_while_the_log_cannot_be_mended(stack: Stack) -> None:
    """A reader in the way of the mending does not keep what is in the log from being flushed."""
    folder = stack.place.path / "log"
    stack.worker.controls.pause()
    for _ in range(10):
        stack.layer.incr("views:1")
    with files_end_at((folder / "log.db-wal").stat().st_size), pytest.raises(OutcomeUnknown):
        stack.layer.set("views:2", b"x" * 5000)
    with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM queue_events").fetchone()
        with pytest.raises(Unavailable):
            stack.layer.incr("views:1")
    stack.layer.drain(60)
    assert stack.layer.get("views:1") == b"10"


def test_an_ack_that_failed_and_happened_is_found_out_without_another_write(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, times = DurableQueue.ack, []

    def done_and_failed(self: DurableQueue, number: int, seq: int) -> None:
        done(self, number, seq)
        times.append(1)
        if len(times) == 1:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    monkeypatch.setattr(DurableQueue, "ack", done_and_failed)
    stack.layer.incr("views:1")
    stack.layer.drain(60)
    assert times
    # What is drained is in the database; the log lets go of it a moment later.
    until(lambda: not stack.log.failed and stack.backlog.waiting == 0)
