"""The rows of a CSV file by RFC 4180: a quoted field may contain line breaks.

One stray quote must not swallow the lines after it. The lines of an invalid row are read again,
each by itself, so every line is a row, a part of one, or an error, and no line is read more than
twice.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator

from cachedesk.core.events import MAX_VALUE_BYTES
from cachedesk.lab.trace.record import Malformed, TooLong
from cachedesk.lab.trace.stream import Lines, text_of

HEADER = ["op", "key", "value"]

_ENDLESS = "a quoted field begins here and is never closed"


class CsvRows:
    """The rows after the header. An error in one row does not end the iteration."""

    def __init__(self, lines: Lines) -> None:
        csv.field_size_limit(MAX_VALUE_BYTES)
        self._lines = lines
        self._rows = self._reader()
        self._row: list[tuple[int, bytes | Malformed]] = []
        self._again: deque[tuple[int, bytes | Malformed]] = deque()
        self._headed = False
        self.line = lines.number
        """The first line of the row that was read last, or the malformed line."""
        self.height = 1
        """The number of lines of the row that was read last."""

    def __iter__(self) -> CsvRows:
        return self

    def __next__(self) -> list[str]:
        if self._headed:
            return self._next()
        self._headed = True
        try:
            header = self._next()
        except (Malformed, StopIteration):
            header = []
        if header != HEADER:
            raise Malformed(
                f"the header {','.join(HEADER)} is missing (or, for JSON lines, a line such as"
                ' ["incr","views:article:1",1])'
            )
        return self._next()

    def _next(self) -> list[str]:
        if not self._again:
            self._row.clear()
            try:
                row = next(self._rows)
            except (csv.Error, Malformed) as error:
                self._give_up(error)
            else:
                self.line, self.height = self._row[0][0], len(self._row)
                return row
        self.line, line = self._again.popleft()
        self.height = 1
        return _alone(line)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(map(self._take, self._lines), strict=True)

    def _take(self, line: bytes) -> str:
        self._row.append((self._lines.number, line))
        return text_of(line)

    def _give_up(self, error: csv.Error | Malformed) -> None:
        """Queue the lines of the current row to be read again, each by itself."""
        self._rows = self._reader()
        if isinstance(error, TooLong):
            self._row.append((self._lines.number, error))
        self._again.extend(self._row)
        if len(self._row) > 1:
            self._again[0] = (self._row[0][0], Malformed(self._why(str(error))))

    def _why(self, error: str) -> str:
        if "unexpected end of data" in error:
            return _ENDLESS
        last = self._row[-1][0]
        return (
            f"a quoted field begins here, and line {last} after it is malformed: {_reason(error)}"
        )


def _alone(line: bytes | Malformed) -> list[str]:
    if isinstance(line, Malformed):
        raise line
    try:
        return next(csv.reader([text_of(line)], strict=True))
    except csv.Error as error:
        raise Malformed(_reason(str(error))) from None


def _reason(error: str) -> str:
    known: tuple[tuple[str, Callable[[], str]], ...] = (
        ("unexpected end of data", lambda: _ENDLESS),
        ("field larger than", lambda: f"a field is over {MAX_VALUE_BYTES:,} bytes long"),
        ("new-line character", lambda: "there is a bare carriage return outside of quotes"),
        ("expected after", lambda: "a closing quote is followed by more text"),
    )
    return next((message() for part, message in known if part in error), error)
