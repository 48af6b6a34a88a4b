"""Deltas: the encoding of snapshots in a recording. Most of a snapshot is the same as half a second
ago: of 600 ticks one is new. So a record holds only the changes, and every 60th a whole snapshot.

Records are compressed as one stream from one whole snapshot to the next, because the list of hot
keys, the largest part, hardly differs from that of the previous record.
"""

from __future__ import annotations

import zlib
from dataclasses import fields
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.frames import FORMAT, Kind
from cachedesk.recording.strict import strict
from cachedesk.recording.upgrades import upgrade

RECORDS_PER_WHOLE = 60

_MOST_ITEMS = 10_000
_MOST_BYTES = 16 * 1024 * 1024
_RAW_DEFLATE = -zlib.MAX_WBITS

T = TypeVar("T")


class Undecodable(ValueError):
    """A record is not valid. Internal: readers see ``RecordingError``."""


class Patch(msgspec.Struct, Generic[T], array_like=True, frozen=True):
    """The change from one tuple to another: drop the first ``dropped`` items, then replace those
    from ``start`` to ``stop`` by ``added``."""

    dropped: int
    start: int
    stop: int
    added: tuple[T, ...]

    def applied_to(self, before: tuple[T, ...]) -> tuple[T, ...]:
        """Return ``before`` with the change applied.

        Raises:
            Undecodable: the change does not fit ``before``.
        """
        kept = len(before) - self.dropped
        if not (self.dropped >= 0 and 0 <= self.start <= self.stop <= kept):
            raise Undecodable("a change does not fit what was there before")
        rest = before[self.dropped :]
        after = (*rest[: self.start], *self.added, *rest[self.stop :])
        if len(after) > _MOST_ITEMS:
            raise Undecodable(f"a list has more than {_MOST_ITEMS:,} items")
        return after


def patch(before: tuple[T, ...], after: tuple[T, ...]) -> Patch[T]:
    """Return the change from ``before`` to ``after``. It is short if items were dropped at the
    front and added at the end, as in a ring, or if a few adjacent items changed."""
    dropped = 0
    if after and after[0] in before:
        dropped = before.index(after[0])
    rest = before[dropped:]
    shorter = min(len(rest), len(after))
    start = 0
    while start < shorter and _alike(rest[start], after[start]):
        start += 1
    same = 0
    while same < shorter - start and _alike(rest[-1 - same], after[-1 - same]):
        same += 1
    return Patch(dropped, start, len(rest) - same, after[start : len(after) - same])


def _alike(one: object, other: object) -> bool:
    # Usually they are the same object; comparing two ticks field by field is slow.
    return one is other or one == other


_HINTS = get_type_hints(Snapshot)
_NAMES = tuple(field.name for field in fields(Snapshot))
_TUPLES = frozenset(name for name in _NAMES if get_origin(_HINTS[name]) is tuple)


def _type_of(name: str) -> Any:
    hint = _HINTS[name]
    if name not in _TUPLES:
        return strict(hint)
    item: Any = strict(get_args(hint)[0])
    return Patch[item]


_Delta = msgspec.defstruct(
    "Delta",
    [(name, _type_of(name) | UnsetType, UNSET) for name in _NAMES],
    omit_defaults=True,
    forbid_unknown_fields=True,
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Delta)


def changes(before: Snapshot | None, after: Snapshot) -> bytes:
    """Return the changes from ``before`` to ``after`` encoded; if ``before`` is ``None``, all of
    ``after``."""
    changed: dict[str, Any] = {}
    for name in _NAMES:
        new = getattr(after, name)
        if name in _TUPLES:
            old = () if before is None else getattr(before, name)
            if before is None or old != new:
                changed[name] = patch(old, new)
        elif before is None or getattr(before, name) != new:
            changed[name] = new
    return _encoder.encode(changed)


def changed(before: Snapshot | None, record: bytes, found: int = FORMAT) -> Snapshot:
    """Return the snapshot that ``changes`` encoded in ``record``.

    Args:
        before: the previous snapshot; ``None``: ``record`` holds a whole one.
        record: the encoded changes.
        found: its format.

    Raises:
        Undecodable: ``record`` is not a valid record of that format.
    """
    try:
        if found == FORMAT:
            delta = _decoder.decode(record)
        else:
            fields = upgrade(msgspec.msgpack.decode(record), found, FORMAT, whole=before is None)
            delta = msgspec.convert(fields, _Delta)
        return Snapshot(**{name: _value(name, before, getattr(delta, name)) for name in _NAMES})
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Undecodable(str(error)) from error


def _value(name: str, before: Snapshot | None, new: Any) -> Any:
    if new is UNSET:
        if before is None:
            raise Undecodable(f"the field {name} is missing")
        return getattr(before, name)
    if name in _TUPLES:
        added = msgspec.convert(new.added, _HINTS[name], from_attributes=True)
        change = Patch(new.dropped, new.start, new.stop, added)
        return change.applied_to(() if before is None else getattr(before, name))
    return msgspec.convert(new, _HINTS[name], from_attributes=True)


class Packer:
    """Encodes snapshots as records, one after another. Its memory does not grow."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None
        self._records = 0
        self._stream = zlib.compressobj(wbits=_RAW_DEFLATE)

    def pack(self, snapshot: Snapshot) -> tuple[Kind, bytes]:
        """Return the next record."""
        whole = self._records % RECORDS_PER_WHOLE == 0
        if whole:
            self._before = None
            self._stream = zlib.compressobj(wbits=_RAW_DEFLATE)
        record = changes(self._before, snapshot)
        body = self._stream.compress(record) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        self._before, self._records = snapshot, self._records + 1
        return Kind.WHOLE if whole else Kind.CHANGE, body


class Unpacker:
    """Decodes records into snapshots, one after another, starting with a whole one."""

    def __init__(self, found: int = FORMAT) -> None:
        """Prepare to decode records of the format ``found``."""
        self._format = found
        self._before: Snapshot | None = None
        self._stream = zlib.decompressobj(wbits=_RAW_DEFLATE)

    def unpack(self, kind: Kind, body: bytes) -> Snapshot:
        """Return the snapshot of the next record.

        Raises:
            Undecodable: it is not a valid record, or not the next one.
        """
        if kind is Kind.WHOLE:
            self._before = None
            self._stream = zlib.decompressobj(wbits=_RAW_DEFLATE)
        try:
            record = self._stream.decompress(body, _MOST_BYTES)
        except zlib.error as error:
            raise Undecodable(str(error)) from error
        if self._stream.unconsumed_tail:
            raise Undecodable(f"a record has more than {_MOST_BYTES:,} bytes")
        self._before = changed(self._before, record, self._format)
        return self._before
