"""Plans: what a command wants of the stack, as values. Nothing is read or written here.

A plan says which keys must be known, and decides from them what to write and what to answer. So a
command is a pure function, and many plans of many clients share one read and one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.policy import Policy
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.writes import Change, Receipt
from cachedesk.server.replies import Reply


class View(NamedTuple):
    """What a plan may know: the entries of its keys, and the time, in seconds since 1970."""

    entries: Mapping[bytes, Entry]
    now: float
    policy_of: Callable[[bytes], Policy] = lambda key: Policy.WRITE_THROUGH

    def default_expiry(self, key: bytes) -> float | None:
        """Return when a value of ``key`` that is set without an expiry expires, by its policy."""
        return self.policy_of(key).deadline()

    def value(self, key: bytes) -> bytes | None:
        """Return the value of ``key``; ``None``: it is absent."""
        return self.entries.get(key, ABSENT).value

    def expires_at(self, key: bytes) -> float | None:
        """Return when ``key`` expires; known only for the ``exact`` keys of a plan."""
        return self.entries.get(key, ABSENT).expires_at


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command does: ``changes``, made all or none per path, and its reply. ``reply_from``
    makes the reply from their receipts."""

    reply: Reply = None
    changes: Sequence[Change] = ()
    reply_from: Callable[[Sequence[Receipt]], Reply] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command needs, and what it decides.

    ``writes``: the keys that it may change; without any it only reads. ``reads``: the keys whose
    value must be known; ``exact``: those whose expiry must be known too, from the truth.
    """

    decide: Callable[[View], Effect]
    writes: Sequence[bytes] = ()
    reads: Sequence[bytes] = ()
    exact: Sequence[bytes] = ()


class Keyspace(Protocol):
    """The stack as a whole, for commands that are about no single key."""

    def count(self) -> int:
        """Return how many keys there are."""
        ...

    def keys(self, pattern: bytes) -> list[bytes]:
        """Return the keys that match ``pattern``."""
        ...

    def scan(self, cursor: int, most: int) -> tuple[int, list[bytes]]:
        """Return the next cursor and up to ``most`` keys; both cursors are 0 at the ends."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state of the stack."""
        ...


@dataclass(frozen=True, slots=True)
class Survey:
    """A command about the whole stack; it takes long, and runs beside the others."""

    run: Callable[[Keyspace], Reply]


@dataclass(frozen=True, slots=True)
class Transaction:
    """The commands of a MULTI, carried out together.

    ``watched``: the watched keys, and whether each was present. ``touched``: whether one of them
    has been written since.
    """

    parts: Sequence[Plan | Reply]
    watched: Mapping[bytes, bool] = field(default_factory=dict)
    touched: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete every key, each as a write of its own."""


class CommandError(Exception):
    """A command is refused. The message is the reply, with its code."""
