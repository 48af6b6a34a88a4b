"""Reading a trace: line by line, with what is wrong or meaningless counted or refused.

Every line of a trace is one of these: operations, a counted skip, a malformed line that was to be
skipped, a line before the first that is of the format, or the unfinished last one.
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
from cachedesk.lab.trace.formats import CSV, FORMATS, KEYS, YCSB, Format
from cachedesk.lab.trace.record import NOTHING, TOO_LONG, Malformed, Record, TooLong, TraceError
from cachedesk.lab.trace.stream import STDIN, Lines

MOST_CHECKED_BYTES = 256 * 1024 * 1024
"""What is longer, or compressed, is not read twice."""

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a trace. ``format``: forced, empty: by its content. ``skip_bad``: count lines
    that are malformed instead of refusing the trace. ``writes``: the share of keys that become
    increments. ``seed``: what is drawn is drawn from it."""

    format: str = ""
    skip_bad: bool = False
    writes: float = 0.0
    seed: int = 1


USUAL = ReadOptions()


@dataclass(slots=True)
class Count:
    """What was read.

    ``sure``: the format was named, or has a sign of its own. ``bad``: malformed lines, of which
    some are in ``examples`` with their numbers. ``before``: lines before the first that is of the
    format. ``blank``: lines that hold nothing, or the reply to MONITOR. ``skipped``: how often each
    command was left out; ``differing``: those of them for which the end state differs from the
    source's; ``expiries``: how often a write had an expiry, which was dropped. ``unfinished``: the
    last line, without a line break, and what is wrong with it. ``cut``: why it could not be read to
    its end; empty if it was. ``changed``: what is not as in the source, and for how many lines.
    ``unended``: the number of a last line without a line break that was read as it is, although
    more may have belonged to it; 0 if there is none.
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
    changed: Counter[str] = field(default_factory=Counter)
    unfinished: tuple[int, str] | None = None
    unended: int = 0
    cut: str = ""

    def note(self, record: Record) -> None:
        """Count what ``record`` does not come to."""
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
        """Return it as an object."""
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
            "unfinished": None if self.unfinished is None else list(self.unfinished),
            "changed": dict(self.changed.most_common()),
            "unended": self.unended or None,
            "cut": self.cut or None,
        }


class Reading:
    """One reading of a trace, from its beginning to its end. Used by one thread; ``share`` and
    ``count`` may be looked at by others."""

    def __init__(
        self, path: Path, ways: ReadOptions = USUAL, given_up: threading.Event | None = None
    ) -> None:
        """Open the trace at ``path`` and see what it is; once ``given_up`` is set, a pipe is not
        waited for any more.

        Raises:
            TraceError: it cannot be opened, or its format cannot be told.
        """
        self._ways = ways
        self._lines = Lines(path, given_up)
        try:
            found = forced(self._lines, ways.format) if ways.format else detected(self._lines)
        except BaseException:
            self._lines.close()
            raise
        if ways.writes and found.name != KEYS:
            self._lines.close()
            raise TraceError(
                f"{self._lines.name}: --writes is for a list of keys, but this is read as"
                f" {found.name}"
            )
        self.count = Count(found.name, found.sure)
        self._before = found.before
        self._format = FORMATS.get(found.name)

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return self._lines.name

    @property
    def timed(self) -> bool:
        """Whether its lines say when they were written."""
        return self._format is not None and self._format.timed

    @property
    def share(self) -> float | None:
        """How much of the file was read, 0 to 1; ``None`` when its length is unknown."""
        size = self._lines.bytes
        return None if size is None else min(1.0, self._lines.done / max(1, size))

    @property
    def repeatable(self) -> bool:
        """Whether it can be read twice, and soon."""
        size = self._lines.bytes
        return size is not None and size <= MOST_CHECKED_BYTES and not self._lines.compressed

    def operations(self) -> Iterator[Operation]:
        """Yield every operation."""
        for record in self.records():
            yield from record.operations

    def records(self) -> Iterator[Record]:
        """Yield what each line says. What cannot be read on ends it; ``count.cut`` says why.

        Raises:
            TraceError: a line is malformed, and was not to be skipped.
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

    def _read(self, form: Format) -> Iterator[Record]:
        count = self.count
        self._pass(form)
        units = form.units(self._lines)
        parse = form.parser(self._ways.writes, self._ways.seed)
        begun = good = False
        while True:
            try:
                unit = next(units)
                if isinstance(unit, bytes) and unit[:1] == b"\0" and not form.ours:
                    # A log that was rotated under its writer begins with a run of these.
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
                    count.note(Record(skipped=TOO_LONG, differs=True))
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
                yield record

    def _pass(self, form: Format) -> None:
        """Pass over what stands before the first line of the format."""
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

    def _generated(self) -> Iterator[Record]:
        try:
            core = ycsb.properties(self._lines)
        except Malformed as error:
            raise TraceError(f"{self._lines.name}: {error}") from None
        self.count.lines, self.count.cut = self._lines.number, self._lines.cut
        self.count.unended = self._lines.number if self._lines.unfinished else 0
        for operation in ycsb.operations(core, self._ways.seed):
            yield Record((operation,))

    def _is_bad(self, line: int, what: str, lines: int = 1) -> None:
        if not self._ways.skip_bad:
            raise TraceError(f"{self._lines.name} line {line}: {what}") from None
        self.count.bad += lines
        if lines > 1:
            what = f"{what} (its row ends at line {line + lines - 1})"
        if len(self.count.examples) < _MOST_EXAMPLES:
            self.count.examples.append((line, what))


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that can be replayed.

    ``operations`` and ``verbs``: how many there are of all and of each, when it was read to its
    end once and found good; ``None`` when it is too long for that, or can be read once only.
    ``format``: what it is, empty when that is seen only when it is read; ``sure``: as in ``Count``.
    """

    path: Path
    operations: int | None
    verbs: dict[Verb, int] | None
    ways: ReadOptions = USUAL
    timed: bool = False
    format: str = ""
    sure: bool = True

    def __iter__(self) -> Iterator[Operation]:
        return read(self.path, self.ways)

    def reading(self, given_up: threading.Event | None = None) -> Reading:
        """Return a new reading of it; of standard input there is one only."""
        return Reading(self.path, self.ways, given_up)


def check(path: Path, ways: ReadOptions = USUAL) -> Trace:
    """Read all of ``path`` once, so that a bad line is found before anything has been changed. What
    cannot be read twice, or is over 256 MiB or compressed, is only looked at: there a bad line is
    found when it is met.

    Raises:
        TraceError: a line is malformed, there is no operation in it, or it cannot be read.
    """
    if path == STDIN:
        if ways.format and ways.format not in FORMATS and ways.format != YCSB:
            raise TraceError(f"there is no format {ways.format!r}")
        return Trace(path, None, None, ways, _may_be_timed(ways.format), ways.format)
    reading = Reading(path, ways)
    known = (ways, reading.timed, reading.count.format, reading.count.sure)
    if not reading.repeatable:
        reading.close()
        return Trace(path, None, None, *known)
    verbs = Counter(operation.op for operation in reading.operations())
    if reading.count.cut:
        raise TraceError(f"{path}: {reading.count.cut}")
    if not verbs:
        raise TraceError(f"{path}: contains no operations")
    return Trace(path, verbs.total(), dict(verbs), *known)


def read(path: Path, ways: ReadOptions = USUAL) -> Iterator[Operation]:
    """Yield the operations of the trace at ``path``.

    Raises:
        TraceError: as for ``check``, or it could not be read to its end; operations before that
            have been yielded.
    """
    return _all_of(Reading(path, ways))


def _all_of(reading: Reading) -> Iterator[Operation]:
    yield from reading.operations()
    if reading.count.cut:
        raise TraceError(f"{reading.name}: {reading.count.cut}")


def _may_be_timed(name: str) -> bool:
    return not name or (name in FORMATS and FORMATS[name].timed)
