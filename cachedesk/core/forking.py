"""Forking: a child process must not touch what its parent has open.

A fork copies sockets, SQLite connections, locks and counters, and none of the threads. Two
processes with one set of them read each other's replies and number different writes alike. So in a
forked child every stack refuses each call with ``Forked``, lets go of the descriptors that would
keep the parent's directory locked, and leaves everything else alone, at its exit too.

Each part that has something open says so by itself, from the moment at which it has it: a stack may
be forked while it opens or closes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from cachedesk.core.errors import Forked

Identity = tuple[int, int]


class Refusing(Protocol):
    """What lets calls in."""

    def refuse(self, parent: int) -> None:
        """Refuse every call from now on, in a child of the process ``parent``. Never fails."""
        ...


class Owner(Protocol):
    """What has descriptors or connections open."""

    def forked(self) -> None:
        """Leave what is open to the parent process."""
        ...


_refusing: WeakSet[Refusing] = WeakSet()
_owners: WeakSet[Owner] = WeakSet()
_inherited: set[Identity] = set()
_process = os.getpid()


def refuses(part: Refusing) -> None:
    """Have ``part`` refuse calls when this process is the child of a fork."""
    _refusing.add(part)


def owns(part: Owner) -> None:
    """Tell ``part`` when this process is the child of a fork, after all calls are refused."""
    _owners.add(part)


def refusal(parent: int) -> Forked:
    """Return what a call in a child of ``parent`` raises."""
    return Forked(
        f"this cache was opened by process {parent} and cannot be used in process {os.getpid()},"
        " a fork of it; open a cache in the process that uses it, after the fork"
    )


def inherit(directory: Identity) -> None:
    """Remember that a data directory (device, inode) was open at the fork."""
    _inherited.add(directory)


def check(path: Path) -> None:
    """Check that the data directory at ``path`` was not open when this process was forked:
    SQLite would mistake the parent's locks on its files for our own.

    Raises:
        Forked: it was.
    """
    # Not ``path.stat``: only a path of the real file system can have been inherited.
    if _inherited:
        with suppress(OSError):
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in _inherited:
                raise Forked(
                    f"the data directory {path} was open when process {os.getpid()} was forked,"
                    " and SQLite cannot open it a second time there; fork before it is opened, or"
                    " start the process with the spawn method"
                )


def _in_child() -> None:
    global _process
    parent, _process = _process, os.getpid()
    for gate in list(_refusing):
        gate.refuse(parent)
    for owner in list(_owners):
        # One that fails must not keep the others from letting go.
        with suppress(Exception):
            owner.forked()
    _refusing.clear()
    _owners.clear()


os.register_at_fork(after_in_child=_in_child)
