"""The formats of traces, by name, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cachedesk.lab.trace import access_log, keylist, monitor, native, twitter
from cachedesk.lab.trace.csv_rows import CsvRows
from cachedesk.lab.trace.record import TraceRecord
from cachedesk.lab.trace.stream import Lines


class Units(Protocol):
    """The units in which a format is read: lines, or rows of several lines. ``line``: the number of
    the first line of the last unit; ``height``: its number of lines."""

    line: int
    height: int

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...


class LineUnits:
    """Units of one line."""

    height = 1

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
    """How to read one format. ``timed``: its lines have timestamps. ``parser`` is called with the
    share of writes and the seed, for formats that have no operations of their own. ``ours``: it is
    made for cachedesk, so a malformed line is an error; files of other programs also have lines of
    other kinds. ``closed``: a truncated line is never valid."""

    name: str
    parser: Callable[[float, int], Callable[[Any], TraceRecord]]
    timed: bool = False
    ours: bool = False
    closed: bool = False
    units: Callable[[Lines], Any] = LineUnits


def _plain(
    parse: Callable[[Any], TraceRecord],
) -> Callable[[float, int], Callable[[Any], TraceRecord]]:
    return lambda share, seed: parse


YCSB = "ycsb"
CSV, JSONL, MONITOR, TWITTER, ACCESS_LOG, KEYS, DUMP = (
    "csv", "jsonl", "redis-monitor", "twitter", "access-log", "keys", "dump"
)  # fmt: skip
FORMATS = {
    it.name: it
    for it in (
        Format(CSV, _plain(native.from_csv), ours=True, units=CsvRows),
        Format(JSONL, _plain(native.from_json), ours=True, closed=True),
        Format(MONITOR, monitor.parser, timed=True),
        Format(TWITTER, _plain(twitter.parse), timed=True),
        Format(ACCESS_LOG, _plain(access_log.parse), timed=True),
        Format(KEYS, keylist.parser),
        Format(DUMP, _plain(native.from_dump), ours=True, closed=True),
    )
}
NAMES = (*FORMATS, YCSB)
