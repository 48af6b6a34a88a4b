"""The inspector: reads the value of one key in every place.

It has no side effects: it fills and counts nothing. If a place does not answer, the value there is
unknown, never absent. Like a repair, it reads the pending events first and the row second. The
places are read one after another, so a key that is being written is read again before its copy in
Redis is reported as different.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Protocol

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.clock import wall_seconds
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import CacheError, CounterOverflow, DatabaseError, NotACounter
from cachedesk.core.events import ABSENT, ABSOLUTE, Entry, Op, WriteEvent, applied
from cachedesk.core.key_report import AnswerSource, Held, KeyReport, RecentWrite, Step
from cachedesk.core.policy import PolicyTable
from cachedesk.core.ports import SystemOfRecord
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.overlay import OverlayReader
from cachedesk.observe.recent_writes import RecentWrites

_VALUE_BYTES = 4096
_MOST_STEPS = 100
_MOST_WRITES = 600
_MOST_LETTERS = 20

# A write is in the log or the row a moment before it is in Redis, longer under load.
_RETRY_SECONDS = (0.002, 0.004, 0.008, 0.016, 0.032)


class _Folded(NamedTuple):
    """A pending event, and the value and the deadline of the key after it, if they are known."""

    event: WriteEvent
    value: bytes | None
    known: bool
    refused: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of all places: ``events``, then ``row``, then ``cached``. ``row``: as of now;
    ``row_expires_at``: its deadline. ``folded``: the end of the fold."""

    events: tuple[WriteEvent, ...]
    row: Entry | None
    row_obstacle: str
    decided: bool
    cached: bytes | None
    cached_obstacle: str
    folded: tuple[_Folded, ...]
    row_expires_at: float | None
    negative: bool

    @property
    def ahead(self) -> tuple[WriteEvent, ...]:
        """The events that are not part of the row."""
        seq = self.row.seq if self.row is not None else 0
        return self.events[bisect_right(self.events, seq, key=attrgetter("seq")) :]

    @property
    def base(self) -> Held:
        return _held(self.row.value if self.row is not None else None, self.row_obstacle)

    @property
    def truth(self) -> tuple[bool, bytes | None]:
        """Whether the truth is known, and its value."""
        if self.folded:
            return self.folded[-1].known, self.folded[-1].value
        return self.row is not None, self.row.value if self.row is not None else None

    @property
    def agrees(self) -> bool | None:
        known, value = self.truth
        if not known or (self.cached is None and not self.negative):
            return None
        return self.cached == value

    @property
    def source(self) -> AnswerSource:
        if self.cached is not None or self.negative:
            return AnswerSource.REDIS
        if self.row is not None:
            return AnswerSource.OVERLAY if self.ahead else AnswerSource.DATABASE
        return AnswerSource.LOG if self.decided else AnswerSource.NONE


class CopyReader(Protocol):
    """The part of ``CacheStore`` that an inspector uses. Both methods raise ``CacheError`` if there
    is no reliable answer."""

    def get(self, key: bytes) -> bytes | None:
        """Return the copy of ``key``, ``None`` if there is none."""
        ...

    def expires_in(self, key: bytes) -> float | None:
        """Return the seconds until it expires, ``None`` if it does not expire."""
        ...


class KeyInspector:
    """Explains keys of one stack. Thread-safe."""

    def __init__(
        self,
        *,
        cache: CopyReader,
        pending: PendingEvents,
        database: SystemOfRecord,
        in_flight_through: Callable[[], int],
        recent: RecentWrites | None,
        policies: PolicyTable,
    ) -> None:
        """Prepare the inspector.

        Args:
            cache: may have a copy of the key.
            pending: the events of the log that are not in the database.
            database: the rows and the dead letters.
            in_flight_through: returns the seq of the last event that is being flushed, 0 for none.
            recent: the newest writes; ``None``: they are not recorded.
            policies: determine the policy of a key.
        """
        self._cache = cache
        self._pending = pending
        self._database = database
        self._overlay = OverlayReader(pending, database.peek)
        self._policies = policies
        self._recent = recent
        self._in_flight_through = in_flight_through

    def inspect(self, key: bytes) -> KeyReport:
        """Return the report of ``key``. Never raises: the report says which places failed."""
        look, moving = self._settled(key)
        letters = self._letters(key)
        writes, writes_since = self._writes(key, look, letters)
        shown = look.folded[-_MOST_STEPS:]
        skipped = len(look.events) - len(shown)
        ahead = look.ahead
        ttl_known, ttl_seconds = self._ttl(key) if look.source == "redis" else (True, None)
        known, truth = look.truth
        obstacle = look.row_obstacle
        return KeyReport(
            key=key,
            at=wall_seconds(),
            policy=self._policies.of(key).path.value,
            pattern=self._policies.pattern_of(key),
            cached=_held(look.cached, look.cached_obstacle),
            negative=look.negative,
            ttl_seconds=ttl_seconds,
            ttl_known=ttl_known,
            row=look.base,
            row_seq=look.row.seq if look.row is not None else 0,
            row_expires_at=look.row_expires_at,
            pending=len(ahead),
            oldest_at=ahead[0].at if ahead else None,
            skipped=skipped,
            base=_after(look.folded[0], obstacle) if skipped else look.base,
            steps=tuple(self._step(folded, look) for folded in shown),
            truth=_held(truth, "" if known else obstacle),
            expires_at=look.folded[-1].expires_at if look.folded else look.row_expires_at,
            source=look.source,
            agrees=look.agrees,
            moving=moving,
            letters=letters,
            writes=writes,
            writes_since=writes_since,
            observed=self._recent is not None,
            unlogged=self._pending.unlogged(key),
        )

    def _settled(self, key: bytes) -> tuple[_Look, bool]:
        """Read until Redis's copy equals the truth, or both stop changing and differ; also return
        whether the key changed throughout."""
        look, moving = self._look(key), False
        for seconds in _RETRY_SECONDS:
            if look.agrees is not False:
                return look, False
            time.sleep(seconds)
            before, look = look, self._look(key)
            moving = (before.cached, before.truth) != (look.cached, look.truth)
        return look, moving and look.agrees is False

    def _look(self, key: bytes) -> _Look:
        overlaid = self._overlay.read((key,))[key]
        events, row, decided, now = overlaid.events, overlaid.row, overlaid.decided, overlaid.now
        row_obstacle = "" if overlaid.error is None else str(overlaid.error)
        cached, cached_obstacle = None, ""
        try:
            cached = self._cache.get(key)
        except CacheError as error:
            cached_obstacle = str(error)
        # One more than is listed: its value is that of all events before the listed ones.
        folded = tuple(deque(_fold(row, events, now, decided=decided), maxlen=_MOST_STEPS + 1))
        deadline = None if row is None else row.expires_at
        row = None if row is None else row.as_of(now)
        negative = cached == ABSENT_MARK
        cached = None if negative else cached
        return _Look(
            events, row, row_obstacle, decided, cached, cached_obstacle, folded, deadline, negative
        )

    def _step(self, folded: _Folded, look: _Look) -> Step:
        event = folded.event
        arg = event.arg
        return Step(
            seq=event.seq,
            op=event.op,
            arg=arg[:_VALUE_BYTES] if isinstance(arg, bytes) else arg,
            at=event.at,
            expires_at=event.expires_at,
            after=_after(folded, look.row_obstacle),
            in_flight=event.seq <= self._in_flight_through(),
            in_row=look.row is not None and event.seq <= look.row.seq,
            refused=folded.refused,
        )

    def _ttl(self, key: bytes) -> tuple[bool, float | None]:
        """Return whether Redis answered, and the seconds until the key expires, if it does."""
        try:
            return True, self._cache.expires_in(key)
        except CacheError:
            return False, None

    def _letters(self, key: bytes) -> tuple[DeadLetter, ...]:
        try:
            return tuple(self._database.letters_of(key, _MOST_LETTERS))
        except DatabaseError:
            return ()

    def _writes(
        self, key: bytes, look: _Look, letters: Sequence[DeadLetter]
    ) -> tuple[tuple[RecentWrite, ...], float]:
        others = [
            RecentWrite(event.seq, event.op, event.at, waiting=True)
            for event in look.ahead[-_MOST_WRITES:]
        ]
        others += [
            RecentWrite(letter.seq, Op[letter.op.upper()], letter.at, dead=True)
            for letter in letters
        ]
        if self._recent is None:
            return tuple(sorted(others, key=attrgetter("seq"))), wall_seconds()
        return self._recent.writes(key, others, _MOST_WRITES)


def _fold(
    row: Entry | None, events: Sequence[WriteEvent], now: float, *, decided: bool
) -> Iterator[_Folded]:
    """Fold like ``events.fold``, and yield each step. Without the row the value is known from the
    first event that sets or deletes, if the pending events determine it (``decided``). What has
    expired ``now`` is absent."""
    seq = row.seq if row is not None else 0
    entry, known = row or ABSENT, row is not None
    for event in events:
        refused = ""
        if event.seq > seq:
            known = known or (decided and event.op in ABSOLUTE)
            try:
                entry = applied(entry, event) if known else ABSENT
            except (NotACounter, CounterOverflow) as error:
                refused = str(error)
        yield _Folded(event, entry.as_of(now).value, known, refused, entry.expires_at)


def _after(folded: _Folded, obstacle: str) -> Held:
    return _held(folded.value, "" if folded.known else obstacle)


def _held(value: bytes | None, obstacle: str) -> Held:
    if value is None:
        return Held(obstacle=obstacle)
    return Held(value[:_VALUE_BYTES], len(value))
