"""After a commit that failed nothing is built on it before it was found out what became of it; and
all works again, without a restart, when the disk does."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedesk.engine.errors import OutcomeUnknown, Unavailable
from cachedesk.engine.stack import Stack

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
    stack.worker.pause()
    key = KEYS[request.param]
    for _ in range(10):
        stack.layer.incr(key)
    return stack, key, stack.directory.path / request.param


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
        assert int(stack.layer.get(key) or 0) in {10, 11}
    reached = stack.layer.incr(key)
    assert reached in {11, 12}
    assert stack.layer.get(key) == b"%d" % reached
    stack.layer.drain(5)
    assert stack.snapshot().books.balanced


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
    stack.worker.resume()
    stack.layer.drain(5)
    stack.layer.evict("*")
    assert int(stack.layer.get(key) or 0) in {110, 111}
    books = stack.snapshot().books
    assert books.balanced
    assert books.pending == 0
