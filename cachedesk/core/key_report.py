"""The report of a key: a frozen value with the contents of each place, and what a read returns.

As with a snapshot, a screen sees nothing else, so the live stack, a closed data directory and a
fixed value of a test look the same to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Argument, Op
from cachedesk.core.key_text import reason, report_text


class AnswerSource(StrEnum):
    """Where a read gets its answer: the copy in Redis; the row with pending events folded in; the
    row alone; the pending events alone, if they determine the value without the row; or none."""

    REDIS = "redis"
    OVERLAY = "overlay"
    DATABASE = "database"
    LOG = "log"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Held:
    """The value of a key in one place. ``value``: its first 4 KiB, ``None`` if the key is absent
    there; ``size``: the full size in bytes. ``obstacle``: why the place could not be read; empty
    if it could."""

    value: bytes | None = None
    size: int = 0
    obstacle: str = ""

    @property
    def known(self) -> bool:
        """Whether the place could be read."""
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class Step:
    """One pending event, folded in. ``at``: when it was accepted. ``expires_at``: the deadline that
    a set or an expire gives the key; ``None``: none. ``after``: the value of the key after it.
    ``in_flight``: it is in the batch that is being flushed. ``in_row``: it is part of the row
    already. ``refused``: why it cannot be applied to the value before; empty if it can."""

    seq: int
    op: Op
    arg: Argument
    at: float
    after: Held
    expires_at: float | None = None
    in_flight: bool = False
    in_row: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RecentWrite:
    """The times of one write, in seconds since 1970.

    ``accepted_at``: when it became durable. ``cached_at``: when Redis was updated (a delete, and a
    value too long for the cache, drop the copy there); ``None`` if it was not. ``applied_at``:
    when it was known to be committed to SQLite; ``None`` while it is ``waiting``, and if it is
    ``dead``.
    """

    seq: int
    op: Op
    accepted_at: float
    cached_at: float | None = None
    applied_at: float | None = None
    waiting: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class KeyReport:
    """One key, explained. Times ending in ``at`` are seconds since 1970 by the engine's clock.

    ``pattern``: the pattern that gave the key its ``policy``; empty if none matched.
    ``ttl_seconds``: when Redis drops its copy; ``None``: never (if ``ttl_known``).
    ``pending``: the number of events that are not part of the row, the oldest accepted at
    ``oldest_at``. ``steps``: the fold, oldest first, of the newest 100 of them; ``skipped``: the
    number of those before; ``base``: the value of the row with the skipped events folded in.
    ``truth``: the value with all events folded in. ``row_expires_at``, ``expires_at``: the
    deadlines of the row and of the truth, in the past if it has expired; ``None``: none.
    ``agrees``: whether Redis's copy equals the
    truth; ``None`` if there is no copy, or nothing to compare it with. ``moving``: the key changed
    during the inspection. ``letters``: its newest dead letters. ``writes``: its newest writes by
    seq, complete from ``writes_since`` on. ``unlogged``: the number of its writes that are in
    Redis and in no log. ``observed``: whether the stack records its newest writes; if not,
    ``writes`` has only those that are pending or dead letters. ``negative``: Redis records that
    the key is absent.
    """

    key: bytes
    at: float
    policy: str
    pattern: str = ""
    cached: Held = Held()
    ttl_seconds: float | None = None
    ttl_known: bool = True
    row: Held = Held()
    row_seq: int = 0
    row_expires_at: float | None = None
    pending: int = 0
    oldest_at: float | None = None
    skipped: int = 0
    base: Held = Held()
    steps: tuple[Step, ...] = ()
    truth: Held = Held()
    expires_at: float | None = None
    source: AnswerSource = AnswerSource.DATABASE
    agrees: bool | None = None
    moving: bool = False
    letters: tuple[DeadLetter, ...] = ()
    writes: tuple[RecentWrite, ...] = ()
    writes_since: float = 0.0
    unlogged: int = 0
    observed: bool = True
    negative: bool = False

    @property
    def reason(self) -> str:
        """A sentence that says where a read gets its answer, and why."""
        return reason(self)

    def __str__(self) -> str:
        return report_text(self)


class Inspector(Protocol):
    """Anything that can explain a key: the live stack, a recording, a fixed value."""

    def inspect(self, key: bytes) -> KeyReport:
        """Return the report of ``key`` as of now. May take milliseconds."""
        ...
