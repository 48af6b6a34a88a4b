"""Capabilities: what some stores can do and others cannot.

The engine needs none of them. Code that wants one asks with ``isinstance``; where a store lacks it,
an error says so, or the stack offers less.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

ForeignWrite = Callable[[bytes, bytes], None]
"""Sets the value of a row that is there, behind the engine's back."""


@runtime_checkable
class ResizableCache(Protocol):
    """A cache whose limits can be changed while it runs."""

    def set_limits(self, maxmemory_bytes: int | None, eviction_policy: str | None) -> str:
        """Change the limits; ``None`` leaves one as it is. Return a sentence that says what holds.

        Raises:
            ConfigError: a limit is out of range; nothing is changed.
        """
        ...


@runtime_checkable
class ManagedServer(Protocol):
    """A server that this process starts, watches and restarts."""

    @property
    def address(self) -> str:
        """Where it listens now."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process, ``None`` while it does not run."""
        ...

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        ...


@runtime_checkable
class RestartChecking(Protocol):
    """A cache that can come back with what it held before, and compares it with the truth."""

    def check_restarts(self, on: bool) -> None:
        """Do so from now on; with ``False`` believe it as it is: to show what goes wrong then."""
        ...


class Files(Protocol):
    """Files that are open."""

    @property
    def trouble(self) -> str:
        """What was wrong with them when they were last looked at, in half a sentence; empty while
        they are in place."""
        ...

    def look(self) -> str:
        """Look at them now; return the trouble."""
        ...


@runtime_checkable
class OnDisk(Protocol):
    """A store that keeps files open, which may be taken away from under it."""

    @property
    def files(self) -> Files:
        """Its files."""
        ...


@runtime_checkable
class ForeignWritable(Protocol):
    """A database that another program may write to."""

    def foreign_write(self) -> AbstractContextManager[ForeignWrite]:
        """Hold its write lock as another program would, and give a function that sets the value of
        a row; committed when the block ends. ``Unavailable``: it does not take it."""
        ...
