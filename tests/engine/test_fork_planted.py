"""Planted bugs of forks: the tests of ``test_fork`` must find each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fork_scripts import (
    EVERY_CALL,
    EVERY_LOCK_IS_HELD,
    EXITS,
    FORKED_BY_MULTIPROCESSING,
    IN_A_HANDLER_DURING_A_READ,
    WITHOUT_HOOKS,
    orphan_exits,
    run,
)

A_CALL_WITHOUT_THE_GUARD = """
def explain(self, key):
    return self._explain(key.encode())

type(cache).explain = explain
"""

CLOSE_DOES_NOTHING = """
type(cache).close = lambda self: None
"""

CALLS_ARE_NOT_REFUSED = """
from cachedesk.engine.call_thread import CallThread
CallThread.check_process = lambda self: None
"""

THE_SERVER_IS_STOPPED_AT_EXIT = """
from cachedesk.stores.redis.server_process import RedisServer
real = RedisServer.forked
def forked(self):
    process = self._process
    atexit.register(lambda: os.kill(process.pid, signal.SIGKILL))
    real(self)
RedisServer.forked = forked
"""

THE_LOCK_IS_RELEASED = """
from cachedesk.stores.files.data_directory import DataDirectory
DataDirectory.forked = DataDirectory.close
"""

THE_SOCKET_IS_REMOVED = """
from cachedesk.stores.redis.socket_folder import SocketFolder
SocketFolder.forked = lambda self: os.unlink(self.socket_path)
"""

THE_DIRECTORY_IS_OPENED_AGAIN = """
from cachedesk.core import forking
forking.check = lambda path: None
"""

NO_LOOK_AT_THE_PID = """
from cachedesk.core import forking
forking.notice = lambda: None
"""

A_CONNECTION_IN_USE_IS_KEPT = """
from cachedesk.stores.redis.connection import RedisConnection
RedisConnection.forked = lambda self: None
"""

CONNECTIONS_ARE_CLOSED = """
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase
from cachedesk.stores.queue_log.queue import DurableQueue
def close_at_exit(*connections):
    for connection in connections:
        atexit.register(connection.close)
SqliteDatabase.forked = lambda self: close_at_exit(self._writer, *self._readers)
DurableQueue.forked = lambda self: close_at_exit(self._getter, self._putter)
"""

PLANTED = {
    "a call without the guard": (A_CALL_WITHOUT_THE_GUARD, EVERY_CALL, "['explain']"),
    "close does nothing": (CLOSE_DOES_NOTHING, EVERY_CALL, "'close'"),
    "calls are not refused": (CALLS_ARE_NOT_REFUSED, EVERY_LOCK_IS_HELD, "AssertionError"),
    "the server is stopped at exit": (THE_SERVER_IS_STOPPED_AT_EXIT, EXITS, "touched"),
    "the lock is released": (THE_LOCK_IS_RELEASED, EXITS, "the lock is gone"),
    "the socket is removed": (THE_SOCKET_IS_REMOVED, EXITS, "AssertionError"),
    "the directory is opened again": (
        THE_DIRECTORY_IS_OPENED_AGAIN,
        FORKED_BY_MULTIPROCESSING,
        "AssertionError",
    ),
    "no look at the pid": (NO_LOOK_AT_THE_PID, WITHOUT_HOOKS, "AssertionError"),
    "a connection in use is kept": (
        A_CONNECTION_IN_USE_IS_KEPT,
        IN_A_HANDLER_DURING_A_READ,
        "AssertionError",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(tmp_path: Path, name: str) -> None:
    planted, script, message = PLANTED[name]
    ended = run(script, tmp_path / "data", planted=planted, patience=5)
    assert ended.returncode == 1, ended.returncode
    assert message in ended.stderr, ended.stderr[-4000:]


def test_closing_the_connections_of_a_dead_parent_is_found(tmp_path: Path) -> None:
    assert "log/log.db" in orphan_exits(tmp_path / "data", CONNECTIONS_ARE_CLOSED)
