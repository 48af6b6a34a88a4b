"""Stores: how a stack gets its cache, its log and its database, and what they may use of it.

A stack knows no engine by name. It is given one value of this kind, opens what it names in a fixed
order, and from then on knows only the ports.
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
    """Where the stores of one stack are, held by this process alone until ``close``."""

    @property
    def name(self) -> str:
        """What a message calls it: a path, or a URL without a password."""
        ...

    def close(self) -> None:
        """Let the next process have it."""
        ...


P = TypeVar("P", bound=Place)
P_co = TypeVar("P_co", bound=Place, covariant=True)


class Lock(Protocol[P_co]):
    """Takes a place for this process."""

    def __call__(self, path: Location, *, create: bool = True) -> P_co:
        """Take the place at ``path``.

        Args:
            path: as the user named it.
            create: make it if it does not exist.

        Raises:
            DataDirectoryError: it cannot be used.
            InUse: another process has it.
        """
        ...


def nothing(*_: object) -> None:
    """Check nothing: there is nothing that could be missing or damaged."""


def keep_quiet(code: EventCode, **fields: Plain) -> None:
    """Take no note of anything: where no stack listens."""


def call_directly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function`` with ``arguments``, on this thread."""
    return function(*arguments)


@dataclass(frozen=True, slots=True)
class StoreContext:
    """What a store may use of the stack that opens it.

    ``settings``: of the whole stack. ``failpoints``: those of the stack. ``announce``: told when
    something rare happens. ``kept``: says in words what becomes of keys that the cache loses.
    ``run``: calls a function where no signal handler can interrupt it; see ``CallThread.run``.
    """

    settings: Settings = field(default_factory=Settings)
    failpoints: Failpoints = field(default_factory=Failpoints)
    announce: Announce = keep_quiet
    kept: Callable[[], str] = str
    run: Callable[..., Any] = call_directly


@dataclass(frozen=True, slots=True)
class Stores(Generic[P]):
    """Where the stores of a stack come from. Called in this order:

    ``require``: sees, before anything is made, that what they need is installed, or raises
    ``DataDirectoryError``. ``lock``: takes their place. ``cache``: prepares the cache, which
    ``start`` begins. ``check``: sees that what is in the place belongs together and can be read,
    changes nothing, and raises ``Damaged`` if it does not. ``database`` and ``log``: open the two.

    Tools that look into a place that no stack uses skip ``require`` and ``cache``.
    """

    lock: Lock[P]
    cache: Callable[[P, StoreContext], CacheStore]
    log: Callable[[P, StoreContext], EventLog]
    database: Callable[[P, StoreContext], SystemOfRecord]
    require: Callable[[], object] = nothing
    check: Callable[[P], object] = nothing
