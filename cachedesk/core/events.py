"""Write events, and how they change a value: pure functions.

An event holds an operation, never a value copied out of the cache, so the truth is never derived
from the cache. Everything that computes the value of a key (the layer, the worker, read repair,
``dump``) folds events with the functions of this file, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum, IntFlag
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from cachedesk.core.errors import CounterOverflow, InvalidKey, InvalidValue, NotACounter

MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 64 * 1024 * 1024
COUNTER_MIN, COUNTER_MAX = -(2**63), 2**63 - 1

_LONGEST_NUMBER = len(b"%d" % COUNTER_MIN)

Argument = bytes | int | None


class Op(IntEnum):
    """What a write does. The numbers are part of the log's format."""

    SET = 1
    INCR = 2
    DELETE = 3
    EXPIRE = 4


class ExpireOnly(IntFlag):
    """When an ``EXPIRE`` has an effect, as in Redis: if the key has no expiry (``NX``), if it has
    one (``XX``), if the new one is later (``GT``) or earlier (``LT``); never is the latest. The
    numbers are part of the log's format."""

    NX = 1
    XX = 2
    GT = 4
    LT = 8


ABSOLUTE = (Op.SET, Op.DELETE)
"""The operations whose result does not depend on the value before."""


class WriteEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One accepted write. The field order is part of the log's format; the bounds are checked when
    an event is read from the log.

    ``seq`` orders all writes of a data directory; ``arg`` is the value of a ``SET`` (bytes), the
    amount of an ``INCR`` (int), the condition of an ``EXPIRE`` (``ExpireOnly`` as an int, or
    ``None``), ``None`` for a ``DELETE``; ``at`` is when it was accepted, in
    seconds since 1970: it shows ages, and decides whether the value before had expired, but never
    orders events. ``expires_at``: from a ``SET`` or an ``EXPIRE`` on, when the key expires;
    ``None``: never. That of an ``INCR`` holds only if it begins the counter.
    """

    seq: Annotated[int, Meta(gt=0, le=COUNTER_MAX)]
    op: Op
    key: Annotated[bytes, Meta(min_length=1, max_length=MAX_KEY_BYTES)]
    arg: bytes | Annotated[int, Meta(ge=COUNTER_MIN, le=COUNTER_MAX)] | None
    at: float
    expires_at: float | None = None


class Entry(NamedTuple):
    """The state of a key in one place: in its row, in the cache, or in the truth.

    ``value``: ``None`` when the key is absent or deleted. ``seq``: of the last event in the
    value; 0 when the key was never written. ``expires_at``: when the key expires, in seconds since
    1970; ``None``: never. An entry is stored as it was written; ``as_of`` returns what it is at a
    given time.
    """

    value: bytes | None
    seq: int = 0
    expires_at: float | None = None

    def as_of(self, now: float) -> Entry:
        """Return the entry at ``now``, in seconds since 1970: absent once it has expired."""
        if self.expires_at is None or self.expires_at > now:
            return self
        return Entry(None, self.seq)


ABSENT = Entry(None, 0)


class Refusal(NamedTuple):
    """An event that cannot be applied to the value before it, and the reason."""

    event: WriteEvent
    reason: str


class Coalesced(NamedTuple):
    """The result of coalescing a batch of events: at most one row per key.

    ``applied``: events that are now part of a row; ``repeated``: events that were part of it
    already (a redelivery); ``refused``: events that cannot be applied.
    """

    rows: dict[bytes, Entry]
    applied: list[WriteEvent]
    repeated: list[WriteEvent]
    refused: list[Refusal]


def as_key(key: bytes | str) -> bytes:
    """Return ``key`` as bytes (a str as UTF-8).

    Raises:
        InvalidKey: it is empty, over 1,024 bytes, of another type, or not valid Unicode.
    """
    if isinstance(key, str):
        try:
            key = key.encode()
        except UnicodeEncodeError:
            raise InvalidKey(f"key {key!r} is not valid Unicode; pass bytes instead") from None
    elif not isinstance(key, bytes):
        raise InvalidKey(f"a key is bytes or str, not {type(key).__name__}")
    elif type(key) is not bytes:
        # A subclass of bytes cannot be encoded, and would fail the writes grouped with it.
        key = bytes(key)
    if not 1 <= len(key) <= MAX_KEY_BYTES:
        raise InvalidKey(f"a key is 1 to {MAX_KEY_BYTES:,} bytes long, not {len(key):,}")
    return key


def as_keys(keys: Iterable[bytes | str]) -> list[bytes]:
    """Return all ``keys`` as bytes; like ``as_key``, but faster for many keys that are bytes.

    Raises:
        InvalidKey: as for ``as_key``; or ``keys`` is a single str or bytes, whose characters
            would be taken for keys.
    """
    if isinstance(keys, (str, bytes)):
        raise InvalidKey(f"many keys are a list or the like, not {type(keys).__name__}")
    return [
        key if type(key) is bytes and 0 < len(key) <= MAX_KEY_BYTES else as_key(key) for key in keys
    ]


def as_value(value: bytes | str | int) -> bytes:
    """Return ``value`` as bytes: str as UTF-8, int as its decimal text.

    Raises:
        InvalidValue: it is of another type, not valid Unicode, or over 64 MiB.
    """
    if isinstance(value, str):
        try:
            value = value.encode()
        except UnicodeEncodeError:
            raise InvalidValue("a str value must be valid Unicode; pass bytes instead") from None
    elif isinstance(value, int) and not isinstance(value, bool):
        try:
            value = b"%d" % value
        except ValueError as error:
            raise InvalidValue(f"an int value is too long: {error}") from None
    elif not isinstance(value, bytes):
        raise InvalidValue(f"a value is bytes, str or int, not {type(value).__name__}")
    elif type(value) is not bytes:
        value = bytes(value)
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidValue(f"a value is at most {MAX_VALUE_BYTES:,} bytes, not {len(value):,}")
    return value


def as_amount(amount: int) -> int:
    """Return ``amount`` if it is a signed 64-bit integer.

    Raises:
        InvalidValue: it is not an int.
        CounterOverflow: it is out of range.
    """
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise InvalidValue(f"an increment is an int, not {type(amount).__name__}")
    if not COUNTER_MIN <= amount <= COUNTER_MAX:
        raise CounterOverflow("an increment is out of the range of a signed 64-bit integer")
    return int(amount)


def increment(value: bytes | None, amount: int) -> bytes:
    """Return the counter ``value`` plus ``amount``, as decimal text; an absent value counts as 0.

    Raises:
        NotACounter: ``value`` is not the decimal text of a signed 64-bit integer in the form that
            Redis prints (no plus sign, space or leading zero).
        CounterOverflow: the sum is out of range.
    """
    return b"%d" % added(0 if value is None else as_number(value), amount)


def as_number(value: bytes) -> int:
    """Return the counter ``value`` as a number; ``NotACounter`` as for ``increment``."""
    try:
        # A longer text is not a 64-bit integer, and would take long to parse.
        number = int(value) if len(value) <= _LONGEST_NUMBER else None
    except ValueError:
        number = None
    # ``int`` accepts other spellings too, which do not print as they were written.
    if number is None or b"%d" % number != value or not COUNTER_MIN <= number <= COUNTER_MAX:
        raise NotACounter(f"the value {value[:40]!r} is not a 64-bit integer")
    return number


def added(number: int, amount: int) -> int:
    """Return the sum; ``CounterOverflow`` as for ``increment``."""
    total = number + amount
    if not COUNTER_MIN <= total <= COUNTER_MAX:
        raise CounterOverflow(f"incrementing {number} by {amount} leaves the range of 64 bits")
    return total


def change(
    entry: Entry, op: Op, arg: Argument, at: float, expires_at: float | None = None
) -> tuple[bytes | None, float | None]:
    """Return the value after one operation on ``entry``, and when it expires.

    A set or an expire replaces the expiry with ``expires_at``; an increment keeps it, unless it
    begins the counter. An ``entry`` that has expired at ``at``, when the operation was accepted, is
    absent: an increment begins at 0, an expire changes nothing. (The time is part of the event:
    every replay has the same result.)

    Raises:
        NotACounter, CounterOverflow: as ``increment``.
    """
    if op is Op.SET:
        return arg, expires_at  # type: ignore[return-value]
    if op is Op.DELETE:
        return None, None
    value, _, kept = entry.as_of(at)
    if op is Op.INCR:
        until = expires_at if value is None else kept
        return increment(value, arg), until  # type: ignore[arg-type]
    if value is None:
        return None, None
    return value, expires_at if _may_expire(arg, kept, expires_at) else kept


def _may_expire(only: Argument, before: float | None, after: float | None) -> bool:
    """Return whether an expire on the condition ``only`` may replace the expiry ``before``."""
    if not isinstance(only, int):
        return True
    earlier, later = _or_never(before), _or_never(after)
    return not (
        (only & ExpireOnly.NX and before is not None)
        or (only & ExpireOnly.XX and before is None)
        or (only & ExpireOnly.GT and later <= earlier)
        or (only & ExpireOnly.LT and later >= earlier)
    )


def _or_never(expires_at: float | None) -> float:
    return math.inf if expires_at is None else expires_at


def has_effect(entry: Entry, op: Op, arg: Argument, at: float, expires_at: float | None) -> bool:
    """Return whether an operation on ``entry`` has an effect. An expire has none on an absent key,
    against its condition, or if it removes the expiry of a key without one."""
    if op is not Op.EXPIRE:
        return True
    value, _, before = entry.as_of(at)
    if value is None or (before is None and expires_at is None):
        return False
    return _may_expire(arg, before, expires_at)


def applied(entry: Entry, event: WriteEvent) -> Entry:
    """Return ``entry`` after ``event``.

    Raises:
        NotACounter, CounterOverflow: as ``increment``.
    """
    value, expires_at = change(entry, event.op, event.arg, event.at, event.expires_at)
    return Entry(value, event.seq, expires_at)


def coalesce(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
    """Fold ``events``, in seq order per key, into their ``rows``.

    An event whose seq is not above its row's is part of that row already, so applying a batch
    twice changes nothing. A refused event is skipped; later events apply to the value without it.

    Args:
        rows: the rows of the database; a missing key has no row.
        events: the batch, ascending in seq for each key.
    """
    by_key: dict[bytes, list[WriteEvent]] = {}
    batch = list(events)
    for event in batch:
        if (its := by_key.get(event.key)) is None:
            by_key[event.key] = [event]
        else:
            its.append(event)
    changed: dict[bytes, Entry] = {}
    repeated: list[WriteEvent] = []
    refused: list[Refusal] = []
    for key, its in by_key.items():
        row = rows.get(key, ABSENT)
        new = its
        if its[0].seq <= row.seq:
            repeated += [event for event in its if event.seq <= row.seq]
            new = [event for event in its if event.seq > row.seq]
        if new:
            changed[key] = _folded(row, new, refused)
    if not repeated and not refused:
        return Coalesced(changed, batch, repeated, refused)
    repeated.sort(key=_seq)
    refused.sort(key=lambda refusal: refusal.event.seq)
    left = {event.seq for event in repeated} | {event.seq for event, _ in refused}
    return Coalesced(changed, [it for it in batch if it.seq not in left], repeated, refused)


def _folded(row: Entry, events: Sequence[WriteEvent], refused: list[Refusal]) -> Entry:
    """Return ``row`` after ``events``; events that cannot be applied are appended to
    ``refused``. A counter stays a number until the end, because most events are increments."""
    value, _, expires_at = row
    number: int | None = None
    for event in events:
        if expires_at is not None and expires_at <= event.at:
            value = number = expires_at = None
        if event.op is not Op.INCR:
            if event.op is not Op.EXPIRE:
                value, number = event.arg, None  # type: ignore[assignment]
                expires_at = event.expires_at
            elif (value is not None or number is not None) and _may_expire(
                event.arg, expires_at, event.expires_at
            ):
                expires_at = event.expires_at
            continue
        try:
            if number is None and value is None:
                number, expires_at = 0, event.expires_at
            elif number is None:
                number = as_number(value)  # type: ignore[arg-type]
            number = added(number, event.arg)  # type: ignore[arg-type]
        except (NotACounter, CounterOverflow) as error:
            refused.append(Refusal(event, str(error)))
        else:
            value = None
    return Entry(value if number is None else b"%d" % number, events[-1].seq, expires_at)


def _seq(event: WriteEvent) -> int:
    return event.seq


def fold(row: Entry, events: Iterable[WriteEvent]) -> Entry:
    """Return the row of one key with its pending ``events`` folded in: the truth."""
    for event in events:
        if event.seq > row.seq:
            try:
                row = applied(row, event)
            except (NotACounter, CounterOverflow):
                row = row._replace(seq=event.seq)
    return row


def entries_of(values: Mapping[bytes, bytes | None]) -> dict[bytes, Entry]:
    """Return ``values`` as entries that never expire and have no seq."""
    return {key: Entry(value) for key, value in values.items()}


def is_absolute(events: Iterable[WriteEvent]) -> bool:
    """Return whether ``events`` determine the value without the row: one sets or deletes."""
    return any(event.op in ABSOLUTE for event in events)
