"""Factories of the stores of a stack, and the parts of the stack that a store may use.

A stack knows no engine by name. It is given a ``Stores`` value, calls its factories in a fixed
order, and from then on uses only the ports.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from cachedesk.core.engine_event import EventCode, Plain
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.ports import CacheStore, EventLog, SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.core.settings import Settings

Location = str | os.PathLike[str]


class Place(Protocol):
    """The location of the stores of one stack, locked for this process until ``close``."""

    @property
    def name(self) -> str:
        """What a message calls it: a path, or a URL without a password."""
        ...

    def close(self) -> None:
        """Unlock it for the next process."""
        ...


P = TypeVar("P", bound=Place)
P_co = TypeVar("P_co", bound=Place, covariant=True)


class Lock(Protocol[P_co]):
    """Locks a location for this process."""

    def __call__(self, path: Location, *, create: bool = True) -> P_co:
        """Lock the location at ``path``.

        Args:
            path: as the user gave it.
            create: create it if it does not exist.

        Raises:
            DataDirectoryError: it cannot be used.
            InUse: another process has locked it.
        """
        ...


def nothing(*_: object) -> None:
    """Check nothing: for stores where nothing can be missing or damaged."""


def keep_quiet(code: EventCode, **fields: Plain) -> None:
    """Ignore the event: for stores that are used without a stack."""


def call_directly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function`` with ``arguments`` on this thread."""
    return function(*arguments)


@dataclass(frozen=True, slots=True)
class StoreContext:
    """The parts of a stack that its stores may use.

    ``settings``: of the whole stack. ``failpoints``: of the stack. ``announce``: called when a
    rare event happens. ``kept``: returns a phrase that says which parts still hold the keys that
    the cache loses. ``run``: calls a function where no signal handler can interrupt it; see
    ``CallThread.run``.
    """

    settings: Settings = field(default_factory=Settings)
    failpoints: Failpoints = field(default_factory=Failpoints)
    announce: Announce = keep_quiet
    kept: Callable[[], str] = str
    run: Callable[..., Any] = call_directly


@dataclass(frozen=True, slots=True)
class Stores(Generic[P]):
    """The factories of the stores of a stack, called in this order:

    ``require``: checks, before anything is created, that what the stores need is installed, and
    raises ``DataDirectoryError`` if not. ``lock``: locks their location. ``cache``: creates the
    cache, which ``start`` then starts. ``check``: checks, read-only, that the files there can be
    read and belong together, and raises ``Damaged`` if not. ``database`` and ``log``: open the two.

    Tools that inspect a location that no stack uses skip ``require`` and ``cache``.
    """

    lock: Lock[P]
    cache: Callable[[P, StoreContext], CacheStore]
    log: Callable[[P, StoreContext], EventLog]
    database: Callable[[P, StoreContext], SystemOfRecord]
    require: Callable[[], object] = nothing
    check: Callable[[P], object] = nothing
