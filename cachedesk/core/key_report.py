"""The report of a key: one frozen value that says what each place holds, and what a read gets.

As with a snapshot, a screen sees nothing else, so the live stack, a directory that is not open and
a test's fixed value are the same to it.
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
    row alone; the pending events alone, which set the key whatever its row is; or nowhere."""

    REDIS = "redis"
    OVERLAY = "overlay"
    DATABASE = "database"
    LOG = "log"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Held:
    """What a place holds of a key. ``value``: its first 4 KiB, ``None`` when the key is absent
    there; ``size``: all of it, in bytes. ``obstacle``: why the place cannot say; empty when it
    could."""

    value: bytes | None = None
    size: int = 0
    obstacle: str = ""

    @property
    def known(self) -> bool:
        """Whether the place could say."""
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class Step:
    """One pending event, folded in. ``at``: when it was accepted. ``after``: what the key is worth
    after it. ``in_flight``: it is in the batch that is being flushed. ``in_row``: the row has it
    already. ``refused``: why the value before cannot take it; empty when it can."""

    seq: int
    op: Op
    arg: Argument
    at: float
    after: Held
    in_flight: bool = False
    in_row: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RecentWrite:
    """One write on its way; times are seconds since 1970.

    ``accepted_at``: when it was durable. ``cached_at``: when Redis had taken it (a delete, and a
    value too long for the cache, drop the copy there); ``None`` if it did not. ``applied_at``:
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

    ``pattern``: what gave the key its ``policy``, empty when nothing matched. ``ttl_seconds``:
    after which Redis drops its copy by itself; ``None``: it will not (if ``ttl_known``).
    ``pending``: how many events are not part of the row, the oldest accepted at ``oldest_at``.
    ``steps``: the fold, oldest first, of the newest 100 of them; ``skipped`` are the ones before,
    and ``base`` is what row and skipped ones come to. ``truth``: what all of it comes to.
    ``agrees``: whether Redis's copy is the truth, ``None`` when there is no copy, or nothing to
    compare it with; ``moving``: the key changed while it was looked at. ``letters``: its newest
    dead letters. ``writes``: its newest writes by seq; from ``writes_since`` on none is missing.
    ``unlogged``: how many writes of it are in Redis and in no log. ``observed``: whether the stack
    keeps its newest writes; if not, ``writes`` has those that wait or are dead letters.
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
    pending: int = 0
    oldest_at: float | None = None
    skipped: int = 0
    base: Held = Held()
    steps: tuple[Step, ...] = ()
    truth: Held = Held()
    source: AnswerSource = AnswerSource.DATABASE
    agrees: bool | None = None
    moving: bool = False
    letters: tuple[DeadLetter, ...] = ()
    writes: tuple[RecentWrite, ...] = ()
    writes_since: float = 0.0
    unlogged: int = 0
    observed: bool = True

    @property
    def reason(self) -> str:
        """Where a read gets its answer, and why, in a sentence."""
        return reason(self)

    def __str__(self) -> str:
        return report_text(self)


class Inspector(Protocol):
    """Anything that can explain a key: the live stack, a recording, a fixed value."""

    def inspect(self, key: bytes) -> KeyReport:
        """Return what is known of ``key`` now. May take milliseconds."""
        ...
