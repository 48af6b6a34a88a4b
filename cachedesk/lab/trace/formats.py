"""The formats, by name, and which one a trace has: its content says so, never its file's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cachedesk.lab.trace import access_log, keylist, monitor, native, twitter
from cachedesk.lab.trace.record import Record, TraceError
from cachedesk.lab.trace.stream import Lines


class Units(Protocol):
    """What a format is read by: lines, or rows. ``line`` is the number of the last."""

    line: int

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...


class LineUnits:
    """Lines as they are."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._lines)

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self._lines.number


@dataclass(frozen=True, slots=True)
class Format:
    """How one format is read. ``timed``: its lines say when they were written. ``parser`` is
    called with the share of writes and the seed, for those that have none of their own."""

    name: str
    parser: Callable[[float, int], Callable[[Any], Record]]
    timed: bool = False
    units: Callable[[Lines], Any] = LineUnits


def _plain(parse: Callable[[Any], Record]) -> Callable[[float, int], Callable[[Any], Record]]:
    return lambda share, seed: parse


YCSB = "ycsb"
FORMATS = {
    it.name: it
    for it in (
        Format("csv", _plain(native.from_csv), units=native.CsvRows),
        Format("jsonl", _plain(native.from_json)),
        Format("redis-monitor", _plain(monitor.parse), timed=True),
        Format("twitter", _plain(twitter.parse), timed=True),
        Format("access-log", _plain(access_log.parse), timed=True),
        Format("keys", keylist.parser),
    )
}
NAMES = (*FORMATS, YCSB)

_YCSB = re.compile(rb"(?m)^\s*(recordcount|operationcount|readproportion|workload)\s*[=:]")
_TWITTER = re.compile(
    rb"\d+(?:\.\d+)?,.+,\d+,\d+,[^,\n]*,(?:%s),\d+\s*$" % b"|".join(twitter.OPERATIONS)
)
_MOST_LINES = 20


def detected(lines: Lines) -> str:
    """Return the name of the format of what is to be read.

    Raises:
        TraceError: it is empty, or it looks like several or like none; the message says how to
            force one.
    """
    start = lines.start.removeprefix(b"\xef\xbb\xbf")
    whole = start.splitlines()[:_MOST_LINES]
    if not start.strip():
        raise TraceError(f"{lines.name}: it is empty; a trace begins with op,key,value")
    first = next(line for line in whole if line.strip())
    if b"\0" not in first:
        for name, looks_so in _SIGNS:
            if looks_so(first, whole, start):
                return name
    raise TraceError(
        f"{lines.name} line 1: cannot tell what it is; the header op,key,value is missing, and it"
        f" is none of {', '.join(NAMES)} by its looks (--format forces one)"
    )


def _looks_like_keys(first: bytes, whole: list[bytes], start: bytes) -> bool:
    # One word a line. What has commas or blanks is rather a table that is wrong somewhere.
    body = whole[:-1] if len(whole) > 1 else whole
    words = [line.strip() for line in body if line.strip()]
    return bool(words) and not any(re.search(rb'[\0-\x20,"{}=]', word) for word in words)


_Sign = Callable[[bytes, list[bytes], bytes], bool]
_SIGNS: tuple[tuple[str, _Sign], ...] = (
    ("csv", lambda first, whole, start: first.strip().replace(b'"', b"") == b"op,key,value"),
    ("jsonl", lambda first, whole, start: first.lstrip().startswith(b"[")),
    ("redis-monitor", lambda first, whole, start: _is_monitor(first, whole)),
    ("access-log", lambda first, whole, start: access_log.LINE.match(first) is not None),
    ("twitter", lambda first, whole, start: _TWITTER.match(first) is not None),
    (YCSB, lambda first, whole, start: _YCSB.search(start) is not None),
    ("keys", _looks_like_keys),
)


def _is_monitor(first: bytes, whole: list[bytes]) -> bool:
    if first.strip() == b"OK" and len(whole) > 1:
        first = whole[1]
    return monitor.LINE.match(first) is not None
