"""Forking: a child process must not touch what its parent has open.

A fork copies sockets, SQLite connections, locks and counters, but no threads. Two processes that
share them read each other's replies and give different writes the same number. So in a forked
child every stack refuses each call with ``Forked``, closes the descriptors that would keep the
parent's directory locked, and leaves everything else alone, also at exit.

Each part registers its own open resources as soon as it has them, because the process may be
forked while a stack opens or closes.

Python runs the hooks of ``os.register_at_fork`` only after its own forks. A program in C that
embeds Python (uWSGI) or a library in C may fork without them. So each call also compares the pid
with ``notice``, at a fraction of a microsecond.
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
    """A gate that admits calls."""

    def refuse(self, parent: int) -> None:
        """Refuse every call from now on, in a child of the process ``parent``. Never fails."""
        ...


class Owner(Protocol):
    """A part that has open descriptors or connections."""

    def forked(self) -> None:
        """Leave the open resources to the parent process."""
        ...


_refusing: WeakSet[Refusing] = WeakSet()
_owners: WeakSet[Owner] = WeakSet()
_inherited: set[Identity] = set()
_process = os.getpid()


def refuses(part: Refusing) -> None:
    """Register ``part`` to refuse calls in a forked child."""
    _refusing.add(part)


def owns(part: Owner) -> None:
    """Register ``part`` for ``forked``, called in a forked child after all calls are refused."""
    _owners.add(part)


def notice() -> None:
    """Refuse every call from now on if this process is a forked child in which Python did not run
    the hooks of a fork."""
    if os.getpid() != _process:
        _in_child()


def refusal(parent: int) -> Forked:
    """Return the error that a call in a child of ``parent`` raises."""
    return Forked(
        f"this cache was opened by process {parent} and cannot be used in process {os.getpid()},"
        " a fork of it; open it after the fork, in the process that uses it, or serve it to several"
        ' processes with "cachedesk up"'
    )


def inherit(directory: Identity) -> None:
    """Record that a data directory (device, inode) was open at the fork."""
    _inherited.add(directory)


def check(path: Path) -> None:
    """Check that the data directory at ``path`` was not open when this process was forked.
    SQLite would take the parent's locks on its files for those of this process.

    Raises:
        Forked: it was open.
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
        # An owner that fails must not prevent the others from closing theirs.
        with suppress(Exception):
            owner.forked()
    _refusing.clear()
    _owners.clear()


os.register_at_fork(after_in_child=_in_child)
