"""Traces: somebody's real traffic, read from a file as a stream of operations.

Two forms, told apart by the first byte: CSV with the header ``op,key,value`` (UTF-8, RFC 4180),
and JSON lines such as ``["incr","views:article:1",1]``. A line that cannot be read is an error
that names the file, the line and what is wrong with it; nothing is guessed or skipped, except
lines that are empty. Memory stays flat: only one line is held at a time.
"""

from __future__ import annotations

import binascii
import csv
import difflib
import re
import stat
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from cachedesk.engine.errors import CachedeskError
from cachedesk.engine.events import COUNTER_MAX, COUNTER_MIN, MAX_KEY_BYTES, MAX_VALUE_BYTES
from cachedesk.lab.operations import Operation, Verb

HEADER = ["op", "key", "value"]

_LINE_BYTES = 2 * MAX_VALUE_BYTES
_BOM = b"\xef\xbb\xbf"
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_VERBS = {str(verb): verb for verb in Verb}
_TAKES_VALUE = (Verb.SET, Verb.INCR)


class TraceError(CachedeskError, ValueError):
    """A trace cannot be read; the message names the file, the line and what is wrong."""


class _Wrong(Exception):
    """What is wrong with one line."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that was read to its end once and found good: its file, how many operations it
    has, and how many of each verb."""

    path: Path
    operations: int
    verbs: dict[Verb, int]

    def __iter__(self) -> Iterator[Operation]:
        return read(self.path)


def check(path: Path) -> Trace:
    """Read all of ``path`` once, so that a bad line is found before anything has been changed.

    Raises:
        TraceError: a line is malformed, there is no operation in it, or it cannot be read.
    """
    verbs = Counter(operation.op for operation in read(path))
    if not verbs:
        raise TraceError(f"{path}: there are no operations in it")
    return Trace(path, verbs.total(), dict(verbs))


def read(path: Path) -> Iterator[Operation]:
    """Yield the operations of the trace at ``path``.

    Raises:
        TraceError: as for ``check``; operations before a malformed line have been yielded.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TraceError(f"{path}: it is not a regular file")
        with path.open("rb") as stream:
            yield from _Reader(path, stream).operations()
    except OSError as error:
        raise TraceError(f"{path}: it cannot be read: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"{str(path)!r}: it cannot be read: {error}") from error


class _Reader:
    """Reads one open trace and knows the line it is in."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._line = 0

    def operations(self) -> Iterator[Operation]:
        """Yield every operation."""
        start = self._stream.read(4096).removeprefix(_BOM).lstrip()
        self._stream.seek(0)
        if not start:
            raise TraceError(f"{self._path}: it is empty; a trace begins with {','.join(HEADER)}")
        parse = self._json_lines if start.startswith(b"[") else self._csv
        try:
            yield from parse()
        except _Wrong as error:
            raise TraceError(f"{self._path} line {self._line}: {error}") from None

    def _csv(self) -> Iterator[Operation]:
        csv.field_size_limit(MAX_VALUE_BYTES)
        rows = csv.reader(self._lines(), strict=True)
        self._expect_header(rows)
        ended = self._line
        while True:
            try:
                fields = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                self._line = ended + 1
                raise _Wrong(_explain(error)) from None
            # A quoted field may hold line breaks: a wrong row is known by its first line.
            began, ended = ended + 1, self._line
            if fields:
                self._line = began
                yield _from_csv(fields)
                self._line = ended

    def _expect_header(self, rows: Iterator[list[str]]) -> None:
        try:
            header = next(rows, [])
        except csv.Error:
            header = []
        if header != HEADER:
            self._line = 1
            raise _Wrong(
                f"the header {','.join(HEADER)} is missing (or, for JSON lines, a line such as"
                ' ["incr","views:article:1",1])'
            )

    def _json_lines(self) -> Iterator[Operation]:
        for line in self._lines():
            if line.strip():
                yield _from_json(line)

    def _lines(self) -> Iterator[str]:
        """Yield the lines as text, each with its line break."""
        while line := self._stream.readline(_LINE_BYTES):
            self._line += 1
            if len(line) == _LINE_BYTES:
                raise _Wrong(f"it is over {_LINE_BYTES:,} bytes long")
            if self._line == 1:
                line = line.removeprefix(_BOM)
            if b"\0" in line:
                raise _Wrong(f"there is a NUL byte at byte {line.index(0) + 1}; is it a text file?")
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise _Wrong(f"it is not UTF-8 at byte {error.start + 1}") from None


def _from_csv(fields: Sequence[str]) -> Operation:
    if len(fields) != len(HEADER):
        raise _Wrong(f"{_count(len(fields), 'field')} instead of {len(HEADER)}: {','.join(HEADER)}")
    op, key, text = fields
    verb = _verb(op)
    if verb is Verb.INCR:
        if not _INTEGER.fullmatch(text):
            raise _Wrong(f"incr by {_short(text)}, which is not a whole number")
        return Operation(verb, _key(key.encode()), _amount(int(text[:30])))
    if verb is Verb.SET:
        return Operation(verb, _key(key.encode()), _value(text.encode()))
    if text:
        raise _Wrong(f"{verb} takes no value, but there is {_short(text)}")
    return Operation(verb, _key(key.encode()))


def _from_json(line: str) -> Operation:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Wrong(f"it is not JSON: {error}") from None
    if not isinstance(fields, list):
        raise _Wrong('it is not an array such as ["incr","views:article:1",1]')
    verb = _verb(fields[0] if fields else None)
    wanted = (3,) if verb in _TAKES_VALUE else (2, 3)
    if len(fields) not in wanted:
        raise _Wrong(f"{_count(len(fields), 'field')} instead of {wanted[0]} for {verb}")
    key = _key(_text("the key", fields[1]))
    value: object = fields[2] if len(fields) == 3 else None
    if verb is Verb.INCR:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _Wrong(f"incr by {_short(value)}, which is not a whole number")
        return Operation(verb, key, _amount(value))
    if verb is Verb.SET:
        if isinstance(value, int) and not isinstance(value, bool):
            return Operation(verb, key, b"%d" % value)
        return Operation(verb, key, _value(_text("the value", value)))
    if value not in (None, ""):
        raise _Wrong(f"{verb} takes no value, but there is {_short(value)}")
    return Operation(verb, key)


def _verb(op: object) -> Verb:
    verb = _VERBS.get(op) if isinstance(op, str) else None
    if verb is None:
        near = difflib.get_close_matches(str(op).lower(), _VERBS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(_VERBS)}"
        raise _Wrong(f"there is no operation {_short(op)}{hint}")
    return verb


def _text(what: str, value: object) -> bytes:
    """Return a JSON string, or the ``{"base64": …}`` that ``dump`` writes, as bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return b64decode(value["base64"], validate=True)
        except binascii.Error as error:
            raise _Wrong(f"{what} is not base64: {error}") from None
    raise _Wrong(f'{what} is {_short(value)}, not a string or {{"base64": "..."}}')


def _key(key: bytes) -> bytes:
    if not key:
        raise _Wrong("the key is empty")
    if len(key) > MAX_KEY_BYTES:
        raise _Wrong(f"the key is {len(key):,} bytes long, over {MAX_KEY_BYTES:,}")
    return key


def _value(value: bytes) -> bytes:
    if len(value) > MAX_VALUE_BYTES:
        raise _Wrong(f"the value is {len(value):,} bytes long, over {MAX_VALUE_BYTES:,}")
    return value


def _amount(amount: int) -> int:
    if not COUNTER_MIN <= amount <= COUNTER_MAX:
        raise _Wrong(f"incr by {_short(amount)}, which is out of the range of 64 bits")
    return amount


def _explain(error: csv.Error) -> str:
    text = str(error)
    known: tuple[tuple[str, Callable[[], str]], ...] = (
        ("unexpected end of data", lambda: "a quoted field begins here and never ends"),
        ("field larger than", lambda: f"a field is over {MAX_VALUE_BYTES:,} bytes long"),
        ("new-line character", lambda: "there is a bare carriage return outside of quotes"),
        ("expected after", lambda: "a closing quote is followed by more text"),
    )
    return next((say() for part, say in known if part in text), text)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) else str(value)[:60]
    return text if len(text) <= 60 else f"{text[:57]}..."
