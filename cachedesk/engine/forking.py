"""Forking: a child process must not touch what its parent has open.

A fork copies sockets, SQLite connections, locks and counters, and none of the threads. Two
processes with one set of them read each other's replies and number different writes alike. So in a
forked child every stack that was open refuses each call with ``Forked``, lets go of the descriptors
that would keep the parent's directory locked, and leaves everything else alone, at its exit too.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from cachedesk.engine.errors import Forked


class Forkable(Protocol):
    """What is told of a fork, in the child."""

    def forked(self, parent: int) -> tuple[int, int]:
        """Refuse calls and let go of descriptors; return the data directory's device and inode.

        ``parent``: the pid of the process that opened it.
        """
        ...


_open: WeakSet[Forkable] = WeakSet()
_inherited: set[tuple[int, int]] = set()
_process = os.getpid()


def watch(stack: Forkable) -> None:
    """Tell ``stack`` when this process is the child of a fork."""
    _open.add(stack)


def forget(stack: Forkable) -> None:
    """End ``watch``: it is closed."""
    _open.discard(stack)


def refusal(parent: int) -> Forked:
    """Return what a call in a forked child raises."""
    return Forked(
        f"this cache was opened by process {parent} and cannot be used in process {os.getpid()},"
        " a fork of it; open a cache in the process that uses it, after the fork"
    )


def check(path: Path) -> None:
    """Check that the data directory at ``path`` was not open when this process was forked:
    SQLite would mistake the parent's locks on its files for our own.

    Raises:
        Forked: it was.
    """
    with suppress(OSError):
        status = path.stat()
        if (status.st_dev, status.st_ino) in _inherited:
            raise Forked(
                f"the data directory {path} was open when process {os.getpid()} was forked, and"
                " SQLite cannot open it a second time there; fork before it is opened, or start"
                " the process with the spawn method"
            )


def leave_open(connections: Iterable[sqlite3.Connection | None]) -> None:
    """Keep SQLite connections of the parent from ever being closed in this process: closing one
    moves data between the parent's files and drops locks on them."""
    for connection in connections:
        if connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _in_child() -> None:
    global _process
    parent, _process = _process, os.getpid()
    for stack in list(_open):
        _inherited.add(stack.forked(parent))
    _open.clear()


os.register_at_fork(after_in_child=_in_child)
