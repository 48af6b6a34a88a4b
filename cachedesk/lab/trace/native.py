"""cachedesk's own traces: CSV with the header ``op,key,value`` (UTF-8, RFC 4180), and JSON lines
such as ``["incr","views:article:1",1]`` or ``{"op":"incr","key":"views:article:1","value":1}``. The
verbs are those of the library. The output of ``dump`` is read as a set of each key."""

from __future__ import annotations

import binascii
import difflib
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Literal

import msgspec

from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN, MAX_KEY_BYTES, MAX_VALUE_BYTES
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace.csv_rows import HEADER
from cachedesk.lab.trace.record import NOTHING, Malformed, TraceRecord, shown
from cachedesk.lab.trace.stream import text_of

_MOST_FREE = 64 * 1024
# Arbitrary JSON may take two hundred times its size in memory: a long line is parsed only if it has
# the shape of an operation.
_Field = str | int | float | bool | dict[Literal["base64"], str] | None
_SHAPE = msgspec.json.Decoder(
    list[_Field] | dict[Literal["op", "key", "value"], str | int | float | bool | None]
)

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_VERBS = {str(verb): verb for verb in (Verb.GET, Verb.SET, Verb.INCR, Verb.DELETE)}
_TAKES_VALUE = (Verb.SET, Verb.INCR)


def from_csv(fields: Sequence[str]) -> TraceRecord:
    """Return the record of one row."""
    return TraceRecord((_from_csv(fields),)) if fields else NOTHING


def from_json(line: bytes) -> TraceRecord:
    """Return the record of one line."""
    text = text_of(line)
    return TraceRecord((_from_json(text),)) if text.strip() else NOTHING


def from_dump(line: bytes) -> TraceRecord:
    """Return the record of one line of ``cachedesk dump``."""
    text = text_of(line)
    if not text.strip():
        return NOTHING
    fields = _decoded(text)
    if not isinstance(fields, list) or len(fields) != 2:
        raise Malformed('not a line of a dump, like ["order:17","paid"]')
    key, value = _text("the key", fields[0]), _text("the value", fields[1])
    return TraceRecord((Operation(Verb.SET, _key(key), _value(value)),))


def _from_csv(fields: Sequence[str]) -> Operation:
    if len(fields) != len(HEADER):
        raise Malformed(
            f"{_count(len(fields), 'field')} instead of {len(HEADER)}: {','.join(HEADER)}"
        )
    op, key, text = fields
    verb = _verb(op)
    if verb is Verb.INCR:
        if not _INTEGER.fullmatch(text):
            raise Malformed(f"incr by {shown(text)}, which is not a whole number")
        return Operation(verb, _key(key.encode()), _amount(int(text[:30])))
    if verb is Verb.SET:
        return Operation(verb, _key(key.encode()), _value(text.encode()))
    if text:
        raise Malformed(f"{verb} takes no value, but there is {shown(text)}")
    return Operation(verb, _key(key.encode()))


def _decoded(line: str) -> object:
    """Return the JSON value of ``line``; a long line must have the shape of an operation."""
    try:
        if len(line) > _MOST_FREE:
            _SHAPE.decode(line)
        return msgspec.json.decode(line)
    except msgspec.ValidationError as error:
        raise Malformed(f"not a JSON operation: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"not valid JSON: {error}") from None


def _listed(found: object) -> list[object]:
    """Return the fields of an operation that is an array, or an object with names."""
    if isinstance(found, list):
        return found
    if isinstance(found, dict) and {"op", "key"} <= found.keys() <= {"op", "key", "value"}:
        return [found[name] for name in ("op", "key", "value") if name in found]
    raise Malformed(
        'expected an array such as ["incr","views:article:1",1] or an object with op, key, value'
    )


def _from_json(line: str) -> Operation:
    found = _decoded(line)
    fields = _listed(found)
    try:
        verb = _verb(fields[0] if fields else None)
    except Malformed as wrong:
        if len(fields) != 2 or not isinstance(found, list):
            raise
        raise Malformed(f"{wrong}; if it is what dump printed, use --format dump") from None
    wanted = (3,) if verb in _TAKES_VALUE else (2, 3)
    if len(fields) not in wanted:
        raise Malformed(f"{_count(len(fields), 'field')} instead of {wanted[0]} for {verb}")
    key = _key(_text("the key", fields[1]))
    value: object = fields[2] if len(fields) == 3 else None
    if verb is Verb.INCR:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed(f"incr by {shown(value)}, which is not a whole number")
        return Operation(verb, key, _amount(value))
    if verb is Verb.SET:
        if isinstance(value, int) and not isinstance(value, bool):
            return Operation(verb, key, b"%d" % value)
        return Operation(verb, key, _value(_text("the value", value)))
    if value not in (None, ""):
        raise Malformed(f"{verb} takes no value, but there is {shown(value)}")
    return Operation(verb, key)


def _verb(op: object) -> Verb:
    verb = _VERBS.get(op) if isinstance(op, str) else None
    if verb is None:
        near = difflib.get_close_matches(str(op).lower(), _VERBS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(_VERBS)}"
        raise Malformed(f"there is no operation {shown(op)}{hint}")
    return verb


def _text(what: str, value: object) -> bytes:
    """Return a JSON string, or the ``{"base64": …}`` that ``dump`` writes, as bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return b64decode(value["base64"], validate=True)
        except binascii.Error as error:
            raise Malformed(f"{what} is not base64: {error}") from None
    raise Malformed(f'{what} is {shown(value)}, not a string or {{"base64": "..."}}')


def _key(key: bytes) -> bytes:
    if not key:
        raise Malformed("the key is empty")
    if len(key) > MAX_KEY_BYTES:
        raise Malformed(f"the key is {len(key):,} bytes long, over {MAX_KEY_BYTES:,}")
    return key


def _value(value: bytes) -> bytes:
    if len(value) > MAX_VALUE_BYTES:
        raise Malformed(f"the value is {len(value):,} bytes long, over {MAX_VALUE_BYTES:,}")
    return value


def _amount(amount: int) -> int:
    if not COUNTER_MIN <= amount <= COUNTER_MAX:
        raise Malformed(f"incr by {shown(amount)}, which is out of the range of 64 bits")
    return amount


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
