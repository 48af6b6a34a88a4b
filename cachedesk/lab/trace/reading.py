"""Reading a trace line by line; lines that are malformed or not applicable are counted or refused.

Every line of a trace is one of these: operations, a counted skip, a malformed line (with
``skip_bad``), a line before the first one of the format, or an unfinished last line.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import ycsb
from cachedesk.lab.trace.detecting import detected, forced
from cachedesk.lab.trace.expiring import Expiring
from cachedesk.lab.trace.formats import CSV, FORMATS, KEYS, YCSB, Format
from cachedesk.lab.trace.record import (
    NOTHING,
    TOO_LONG,
    Malformed,
    TooLong,
    TraceError,
    TraceRecord,
)
from cachedesk.lab.trace.stream import STDIN, Lines

MOST_CHECKED_BYTES = 256 * 1024 * 1024
"""A longer file, or a compressed one, is not read twice."""

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a trace. ``format``: the format; empty: detected from the content. ``skip_bad``:
    count malformed lines instead of refusing the trace. ``writes``: the share of keys that become
    increments, 0 to 1. ``seed``: the random seed."""

    format: str = ""
    skip_bad: bool = False
    writes: float = 0.0
    seed: int = 1


USUAL = ReadOptions()


@dataclass(slots=True)
class TraceCounts:
    """What was read of a trace.

    ``sure``: the format was named, or is unambiguous. ``bad``: malformed lines, some of which are
    in ``examples`` with their numbers. ``before``: lines before the first one of the format.
    ``blank``: lines that are empty, or the reply to MONITOR. ``skipped``: how often each command
    was left out; ``differing``: those that make the end state differ from the source's;
    ``expiries``: how often each command gave an expiry; ``expired``: how many keys expired in the
    time of the trace. ``unfinished``: a malformed last line without a line break, and the error.
    ``cut``: why the trace could not be read to its end; empty if it was. ``changed``: what was
    changed, and for how many lines. ``unended``: the number of a valid last line without a line
    break, which may be truncated; 0 if there is none.
    """

    format: str = ""
    sure: bool = True
    lines: int = 0
    bad: int = 0
    blank: int = 0
    before: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    expiries: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    unfinished: tuple[int, str] | None = None
    unended: int = 0
    cut: str = ""

    def note(self, record: TraceRecord) -> None:
        """Count what was left out or changed in ``record``."""
        if record is NOTHING:
            self.blank += 1
            return
        if record.skipped:
            self.skipped[record.skipped] += record.times
            if record.differs:
                self.differing[record.skipped] += record.times
        if record.expiry:
            self.expiries[record.expiry] += 1
        if record.changed:
            self.changed[record.changed] += 1

    def as_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "format": self.format,
            "lines": self.lines,
            "bad": self.bad,
            "bad_lines": [list(example) for example in self.examples],
            "blank": self.blank,
            "before": self.before,
            "skipped": dict(self.skipped.most_common()),
            "differing": dict(self.differing.most_common()),
            "expiries": dict(self.expiries.most_common()),
            "expired": self.expired,
            "unfinished": None if self.unfinished is None else list(self.unfinished),
            "changed": dict(self.changed.most_common()),
            "unended": self.unended or None,
            "cut": self.cut or None,
        }


class Reading:
    """One reading of a trace, from its beginning to its end. Used by one thread; others may read
    ``share`` and ``count``."""

    def __init__(
        self, path: Path, options: ReadOptions = USUAL, given_up: threading.Event | None = None
    ) -> None:
        """Open the trace at ``path`` and detect its format. Once ``given_up`` is set, it does not
        wait for a pipe any more.

        Raises:
            TraceError: it cannot be opened, or its format is not known.
        """
        self._options = options
        self._lines = Lines(path, given_up)
        try:
            found = forced(self._lines, options.format) if options.format else detected(self._lines)
        except BaseException:
            self._lines.close()
            raise
        if options.writes and found.name != KEYS:
            self._lines.close()
            raise TraceError(
                f"{self._lines.name}: --writes is for a list of keys, but this is read as"
                f" {found.name}"
            )
        self.count = TraceCounts(found.name, found.sure)
        self._before = found.before
        self._format = FORMATS.get(found.name)

    @property
    def name(self) -> str:
        """Its name in errors."""
        return self._lines.name

    @property
    def timed(self) -> bool:
        """Whether its lines have timestamps."""
        return self._format is not None and self._format.timed

    @property
    def share(self) -> float | None:
        """The share of the file that was read, 0 to 1; ``None`` if its length is unknown."""
        size = self._lines.bytes
        return None if size is None else min(1.0, self._lines.done / max(1, size))

    @property
    def repeatable(self) -> bool:
        """Whether it can be read twice in a short time."""
        size = self._lines.bytes
        return size is not None and size <= MOST_CHECKED_BYTES and not self._lines.compressed

    def operations(self) -> Iterator[Operation]:
        """Yield every operation."""
        for record in self.records():
            yield from record.operations

    def records(self) -> Iterator[TraceRecord]:
        """Yield the record of each line. An error of the file ends it; ``count.cut`` gives the
        reason.

        Raises:
            TraceError: a line is malformed, and ``skip_bad`` is not set.
        """
        try:
            if self._format is None:
                yield from self._generated()
            else:
                yield from self._read(self._format)
        finally:
            self._lines.close()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def _read(self, form: Format) -> Iterator[TraceRecord]:
        count = self.count
        self._pass(form)
        units = form.units(self._lines)
        parse = form.parser(self._options.writes, self._options.seed)
        begun = good = False
        expiring = Expiring()
        while True:
            try:
                unit = next(units)
                if isinstance(unit, bytes) and unit[:1] == b"\0" and not form.ours:
                    # A log that was truncated while its writer had it open begins with NUL bytes.
                    unit = unit.lstrip(b"\0")
                record = parse(unit)
            except StopIteration:
                count.cut = self._lines.cut
                if good and not form.closed and self._lines.unfinished:
                    count.unended = self._lines.number
                return
            except TooLong as error:
                good = False
                if form.ours:
                    self._is_bad(units.line, str(error))
                else:
                    count.note(TraceRecord(skipped=TOO_LONG, differs=True))
                continue
            except Malformed as error:
                good = False
                if begun and self._lines.unfinished and units.line == self._lines.number:
                    count.unfinished = (units.line, str(error))
                else:
                    self._is_bad(units.line, str(error), units.height)
                continue
            finally:
                count.lines = self._lines.number
            good = True
            count.note(record)
            if record.operations:
                begun = True
                yield expiring.applied(record)
                count.expired = expiring.expired

    def _pass(self, form: Format) -> None:
        """Skip the lines before the first one of the format."""
        if form.ours and form.name != CSV:
            return
        for number in range(1, self._before + 1):
            line = next(self._lines)
            if not line.strip(b" \t\r\n\0"):
                continue
            if form.ours:
                self._is_bad(number, "found before the header op,key,value (--skip-bad skips it)")
            else:
                self.count.before += 1

    def _generated(self) -> Iterator[TraceRecord]:
        try:
            core = ycsb.properties(self._lines)
        except Malformed as error:
            raise TraceError(f"{self._lines.name}: {error}") from None
        self.count.lines, self.count.cut = self._lines.number, self._lines.cut
        self.count.unended = self._lines.number if self._lines.unfinished else 0
        for operation in ycsb.operations(core, self._options.seed):
            yield TraceRecord((operation,))

    def _is_bad(self, line: int, what: str, lines: int = 1) -> None:
        if not self._options.skip_bad:
            raise TraceError(f"{self._lines.name} line {line}: {what}") from None
        self.count.bad += lines
        if lines > 1:
            what = f"{what} (its row ends at line {line + lines - 1})"
        if len(self.count.examples) < _MOST_EXAMPLES:
            self.count.examples.append((line, what))


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that can be replayed.

    ``operations`` and ``verbs``: the numbers of all operations and of each kind, if it was read to
    its end once and is valid; ``None`` if it is too long for that, or can be read only once.
    ``format``: its format, empty if that is known only when it is read; ``sure``: as in
    ``TraceCounts``.
    """

    path: Path
    operations: int | None
    verbs: dict[Verb, int] | None
    options: ReadOptions = USUAL
    timed: bool = False
    format: str = ""
    sure: bool = True

    def __iter__(self) -> Iterator[Operation]:
        return read(self.path, self.options)

    def reading(self, given_up: threading.Event | None = None) -> Reading:
        """Return a new reading of it; standard input can be read only once."""
        return Reading(self.path, self.options, given_up)


def check(path: Path, options: ReadOptions = USUAL) -> Trace:
    """Read all of ``path`` once, so that a malformed line is found before anything is changed. Of a
    file that cannot be read twice, is over 256 MiB or is compressed, only the beginning is checked.

    Raises:
        TraceError: a line is malformed, it contains no operations, or it cannot be read.
    """
    if path == STDIN:
        if options.format and options.format not in FORMATS and options.format != YCSB:
            raise TraceError(f"there is no format {options.format!r}")
        return Trace(path, None, None, options, _may_be_timed(options.format), options.format)
    reading = Reading(path, options)
    known = (options, reading.timed, reading.count.format, reading.count.sure)
    if not reading.repeatable:
        reading.close()
        return Trace(path, None, None, *known)
    verbs = Counter(operation.op for operation in reading.operations())
    if reading.count.cut:
        raise TraceError(f"{path}: {reading.count.cut}")
    if not verbs:
        raise TraceError(f"{path}: contains no operations")
    return Trace(path, verbs.total(), dict(verbs), *known)


def read(path: Path, options: ReadOptions = USUAL) -> Iterator[Operation]:
    """Yield the operations of the trace at ``path``.

    Raises:
        TraceError: as for ``check``, or it could not be read to its end; operations before that
            have been yielded.
    """
    return _all_of(Reading(path, options))


def _all_of(reading: Reading) -> Iterator[Operation]:
    yield from reading.operations()
    if reading.count.cut:
        raise TraceError(f"{reading.name}: {reading.count.cut}")


def _may_be_timed(name: str) -> bool:
    return not name or (name in FORMATS and FORMATS[name].timed)
