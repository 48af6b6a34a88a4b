"""Reading a trace: line by line, with what is wrong or meaningless counted or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cachedesk.lab.operations import Operation, Verb
from cachedesk.lab.trace import ycsb
from cachedesk.lab.trace.formats import FORMATS, YCSB, Format, detected
from cachedesk.lab.trace.record import Record, TraceError, Wrong
from cachedesk.lab.trace.stream import STDIN, Lines

MOST_CHECKED_BYTES = 256 * 1024 * 1024
"""What is longer, or compressed, is not read twice."""

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Ways:
    """How to read a trace. ``format``: forced, empty: by its content. ``skip_bad``: count lines
    that are malformed instead of refusing the trace. ``writes``: the share of keys that become
    increments. ``seed``: what is drawn is drawn from it."""

    format: str = ""
    skip_bad: bool = False
    writes: float = 0.0
    seed: int = 1


USUAL = Ways()


@dataclass(slots=True)
class Count:
    """What was read. ``bad``: malformed lines, of which some are in ``examples`` with their
    numbers; ``skipped``: how often each command had no meaning here."""

    format: str = ""
    lines: int = 0
    bad: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {
            "format": self.format,
            "lines": self.lines,
            "bad": self.bad,
            "bad_lines": [list(example) for example in self.examples],
            "skipped": dict(self.skipped.most_common()),
        }


class Reading:
    """One reading of a trace, from its beginning to its end. Used by one thread; ``share`` and
    ``count`` may be looked at by others."""

    def __init__(self, path: Path, ways: Ways = USUAL) -> None:
        """Open the trace at ``path`` and see what it is.

        Raises:
            TraceError: it cannot be opened, or its format cannot be told.
        """
        self._ways = ways
        self._lines = Lines(path)
        try:
            self.count = Count(ways.format or detected(self._lines))
        except BaseException:
            self._lines.close()
            raise
        self._format = FORMATS.get(self.count.format)

    @property
    def timed(self) -> bool:
        """Whether its lines say when they were written."""
        return self._format is not None and self._format.timed

    @property
    def share(self) -> float | None:
        """How much of the file was read, 0 to 1; ``None`` when nobody knows how long it is."""
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
        """Yield what each line says.

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

    def give_up(self) -> None:
        """End it soon, even if it waits for a pipe; by any thread."""
        self._lines.give_up()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def _read(self, form: Format) -> Iterator[Record]:
        units = form.units(self._lines)
        parse = form.parser(self._ways.writes, self._ways.seed)
        while True:
            try:
                record = parse(next(units))
            except StopIteration:
                return
            except Wrong as error:
                self._is_bad(units.line, str(error))
                continue
            finally:
                self.count.lines = self._lines.number
            if record.skipped:
                self.count.skipped[record.skipped] += 1
            if record.operations:
                yield record

    def _generated(self) -> Iterator[Record]:
        try:
            core = ycsb.properties(self._lines)
        except Wrong as error:
            raise TraceError(f"{self._lines.name}: {error}") from None
        self.count.lines = self._lines.number
        for operation in ycsb.operations(core, self._ways.seed):
            yield Record((operation,))

    def _is_bad(self, line: int, what: str) -> None:
        if not self._ways.skip_bad:
            raise TraceError(f"{self._lines.name} line {line}: {what}") from None
        self.count.bad += 1
        if len(self.count.examples) < _MOST_EXAMPLES:
            self.count.examples.append((line, what))


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that can be replayed.

    ``operations`` and ``verbs``: how many there are of all and of each, when it was read to its
    end once and found good; ``None`` when it is too long for that, or can be read once only.
    """

    path: Path
    operations: int | None
    verbs: dict[Verb, int] | None
    ways: Ways = USUAL
    timed: bool = False

    def __iter__(self) -> Iterator[Operation]:
        return read(self.path, self.ways)

    def reading(self) -> Reading:
        """Return a new reading of it; of standard input there is one only."""
        return Reading(self.path, self.ways)


def check(path: Path, ways: Ways = USUAL) -> Trace:
    """Read all of ``path`` once, so that a bad line is found before anything has been changed. What
    cannot be read twice, or is over 256 MiB or compressed, is only looked at: there a bad line is
    found when it is met.

    Raises:
        TraceError: a line is malformed, there is no operation in it, or it cannot be read.
    """
    if path == STDIN:
        if ways.format and ways.format not in FORMATS and ways.format != YCSB:
            raise TraceError(f"there is no format {ways.format!r}")
        return Trace(path, None, None, ways, timed=_may_be_timed(ways.format))
    reading = Reading(path, ways)
    if not reading.repeatable:
        reading.close()
        return Trace(path, None, None, ways, reading.timed)
    verbs = Counter(operation.op for operation in reading.operations())
    if not verbs:
        raise TraceError(f"{path}: there are no operations in it")
    return Trace(path, verbs.total(), dict(verbs), ways, reading.timed)


def read(path: Path, ways: Ways = USUAL) -> Iterator[Operation]:
    """Yield the operations of the trace at ``path``.

    Raises:
        TraceError: as for ``check``; operations before a malformed line have been yielded.
    """
    return Reading(path, ways).operations()


def _may_be_timed(name: str) -> bool:
    return not name or (name in FORMATS and FORMATS[name].timed)
