"""Capabilities: optional protocols that only some stores implement.

The engine needs none of them. Code that wants one checks with ``isinstance``; if a store lacks it,
the call raises an error, or the stack does not offer the feature.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

ForeignWrite = Callable[[bytes, bytes], None]
"""Sets the value of an existing row without the engine's knowledge."""


@runtime_checkable
class ResizableCache(Protocol):
    """A cache whose limits can be changed while it runs."""

    def set_limits(self, maxmemory_bytes: int | None, eviction_policy: str | None) -> str:
        """Change the limits; ``None`` keeps a limit. Return a sentence with the limits in force.

        Raises:
            ConfigError: a limit is out of range; nothing is changed.
        """
        ...


@runtime_checkable
class ManagedServer(Protocol):
    """A server that this process starts, watches and restarts."""

    @property
    def address(self) -> str:
        """The address where it listens now."""
        ...

    @property
    def pid(self) -> int | None:
        """The id of its process, ``None`` while it does not run."""
        ...

    @property
    def restarts(self) -> int:
        """How often it was restarted."""
        ...


@runtime_checkable
class RestartChecking(Protocol):
    """A cache that can keep its contents over a restart, and compares them with the truth."""

    def check_restarts(self, on: bool) -> None:
        """Switch the comparison on or off. Off shows what goes wrong without it: the contents
        are trusted as they are."""
        ...


class Files(Protocol):
    """Files that are open."""

    @property
    def trouble(self) -> str:
        """What was wrong with them at the last check, in a few words; empty if nothing was."""
        ...

    def look(self) -> str:
        """Check them now; return ``trouble``."""
        ...


@runtime_checkable
class OnDisk(Protocol):
    """A store that keeps files open, which may be moved, replaced or deleted meanwhile."""

    @property
    def files(self) -> Files:
        """Its files."""
        ...


@runtime_checkable
class ForeignWritable(Protocol):
    """A database that another program can write to."""

    def foreign_write(self) -> AbstractContextManager[ForeignWrite]:
        """Hold its write lock as another program would. The block gets a function that sets the
        value of a row; the end of the block commits. Raises ``Unavailable`` if the lock cannot be
        taken."""
        ...
