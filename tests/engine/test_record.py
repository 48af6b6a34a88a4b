"""Records: what is read back is what was written, or an error."""

from __future__ import annotations

import pickle
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.errors import Damaged
from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN, Op, WriteEvent
from cachedesk.stores.queue_log.record import Record, decode, encode

moments = st.floats(0, 1e10, allow_nan=False)
numbers = st.integers(1, COUNTER_MAX)
keys = st.binary(min_size=1, max_size=1024)
events = st.one_of(
    st.builds(WriteEvent, numbers, st.just(Op.SET), keys, st.binary(max_size=3_000), moments),
    st.builds(
        WriteEvent, numbers, st.just(Op.INCR), keys, st.integers(COUNTER_MIN, COUNTER_MAX), moments
    ),
    st.builds(WriteEvent, numbers, st.just(Op.DELETE), keys, st.none(), moments),
)

SOME = encode(
    2**62 + 7,
    [
        WriteEvent(1, Op.SET, b"session:\xff", b"\x00value", 1.5),
        WriteEvent(2, Op.INCR, b"views:1", COUNTER_MIN, 2.5),
        WriteEvent(COUNTER_MAX, Op.DELETE, b"k", None, 3.5),
    ],
)


def sealed(body: bytes) -> bytes:
    """Return ``body`` with the checksum that makes it a record."""
    return zlib.crc32(body).to_bytes(4, "big") + body


groups = st.lists(events, min_size=1, max_size=20, unique_by=lambda event: event.seq).map(
    lambda group: sorted(group, key=lambda event: event.seq)
)


@given(st.integers(0, 2**63 - 1), groups)
def test_a_round_trip(epoch: int, group: list[WriteEvent]) -> None:
    record = decode(encode(epoch, group))
    assert record == Record(2, epoch, group)
    for event, original in zip(record.events, group, strict=True):
        assert type(event.op) is Op
        assert type(event.arg) is type(original.arg)


def test_every_flipped_bit_is_noticed() -> None:
    for place in range(len(SOME)):
        for bit in range(8):
            flipped = bytearray(SOME)
            flipped[place] ^= 1 << bit
            with pytest.raises(Damaged):
                decode(bytes(flipped))


def test_every_truncation_and_every_byte_too_many_is_noticed() -> None:
    for length in range(len(SOME)):
        with pytest.raises(Damaged):
            decode(SOME[:length])
    for more in (b"\x00", b"\xff", SOME):
        with pytest.raises(Damaged):
            decode(SOME + more)


@given(st.binary(max_size=200))
def test_garbage_is_damaged(data: bytes) -> None:
    for record in (data, sealed(data)):
        try:
            decoded = decode(record)
        except Damaged:
            continue
        assert isinstance(decoded, Record), "what decodes has the right form"


@pytest.mark.parametrize("data", [None, 5, 1.5, "text"], ids=repr)
def test_what_is_no_bytes_is_damaged(data: object) -> None:
    with pytest.raises(Damaged):
        decode(data)  # type: ignore[arg-type]


def test_a_newer_format_is_said_to_be_one() -> None:
    with pytest.raises(Damaged, match="format 3, this cachedesk reads 2"):
        decode(sealed(msgspec.msgpack.encode((3, 5, []))))


@pytest.mark.parametrize(
    "body",
    [
        (1, 5),
        (1, "epoch", []),
        (1, 5, [(1, 9, b"k", None, 0.0)]),
        (1, 5, [(1, 1, "k", b"v", 0.0)]),
        (1, 5, [("1", 1, b"k", b"v", 0.0)]),
        (1, 5, [(1, 1, b"k", 1.5, 0.0)]),
        (1, 5, [(1, 1, b"k")]),
    ],
    ids=repr,
)
def test_another_form_under_a_right_checksum_is_damaged(body: object) -> None:
    with pytest.raises(Damaged):
        decode(sealed(msgspec.msgpack.encode(body)))


class Bomb:
    """What runs when it is unpickled."""

    exploded = False

    def __reduce__(self) -> tuple[object, ...]:
        return setattr, (Bomb, "exploded", True)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_damaged_and_does_not_run(protocol: int) -> None:
    pickled = pickle.dumps(Bomb(), protocol)
    for data in (pickled, sealed(pickled)):
        with pytest.raises(Damaged):
            decode(data)
    assert not Bomb.exploded
