"""Records: the encoding of a group of events in the log.

A record is one item of the queue, so it is durable as a whole or not at all: four bytes of
CRC-32 over the rest, then msgpack ``[version, epoch, events]``. No pickle: reading a file must
never run code from it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from math import isfinite
from typing import Any

import msgspec

from cachedesk.core.errors import Damaged, OtherVersion
from cachedesk.core.events import Op, WriteEvent

VERSION = 2
"""2 added ``expires_at`` to events, which is ``None`` where an event of 1 is read, and expires."""

_READABLE = (1, VERSION)

_ARGUMENTS: dict[Op, tuple[type, ...]] = {
    Op.SET: (bytes,),
    Op.INCR: (int,),
    Op.DELETE: (type(None),),
    Op.EXPIRE: (type(None), int),
}
_EXPIRING = (Op.SET, Op.INCR, Op.EXPIRE)

_encoder = msgspec.msgpack.Encoder()


class Record(msgspec.Struct, frozen=True, array_like=True):
    """The events of one durable append. ``epoch``: of the log; a new file gets a new one."""

    version: int
    epoch: int
    events: list[WriteEvent]


_decoder = msgspec.msgpack.Decoder(Record)


def encode(epoch: int, events: Sequence[WriteEvent]) -> bytes:
    """Return the record of ``events`` as bytes."""
    body = _encoder.encode((VERSION, epoch, events))
    return zlib.crc32(body).to_bytes(4, "big") + body


def decode(data: bytes) -> Record:
    """Return the record in ``data``.

    Raises:
        Damaged: the checksum or the format is wrong.
        OtherVersion: it was written by a newer version.
    """
    if not isinstance(data, bytes):
        raise Damaged("not a log record")
    body = data[4:]
    if len(data) < 5 or zlib.crc32(body).to_bytes(4, "big") != data[:4]:
        raise Damaged("checksum")
    try:
        record = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        _check_version(body)
        raise Damaged(str(error)) from error
    _check_version(body)
    if not record.events:
        raise Damaged("record has no events")
    before = 0
    for event in record.events:
        # The decoder checks types and bounds, but not which operation has which argument.
        if (
            type(event.arg) not in _ARGUMENTS[event.op]
            or event.seq <= before
            or not isfinite(event.at)
            or not _is_deadline(event)
        ):
            raise Damaged(f"record contains an invalid event (seq {event.seq})")
        before = event.seq
    return record


def _is_deadline(event: WriteEvent) -> bool:
    at = event.expires_at
    return at is None or (event.op in _EXPIRING and isfinite(at))


def _check_version(body: bytes) -> None:
    """Check the version alone, because in a later version everything else may differ."""
    try:
        version, *_ = msgspec.msgpack.decode(body, type=list[Any])
    except (msgspec.MsgspecError, ValueError):
        return
    if isinstance(version, int) and version > VERSION:
        raise OtherVersion(f"format {version}, this cachedesk reads {VERSION}")
    if version not in _READABLE:
        raise Damaged(f"format {version}, this cachedesk reads {VERSION}")
