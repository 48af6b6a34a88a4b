"""Traffic that can drive a session: a workload or a trace."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.timetable import Timetable
from cachedesk.lab.load.workload import ARTICLES, article_contents, workload
from cachedesk.lab.trace import Reading, Trace, TraceError
from cachedesk.lab.trace.reading import TraceCounts
from cachedesk.lab.trace.record import TraceRecord
from cachedesk.lab.trace.stream import STDIN
from cachedesk.lab.trace.summary import form_line

_BACK = "times before that of the line above, replayed without a pause"


@dataclass(frozen=True, slots=True)
class WorkloadTraffic:
    """An endless workload; an unavailable write is not retried, as with a real visitor.

    ``keys``: the number of keys; ``None``: the default of the workload. ``fill_bytes``: see
    ``client.Target``.
    """

    name: str
    seed: int
    keys: int | None = None
    fill_bytes: int = 0
    exact = False
    count = None
    share = None
    pauses = 0

    def __post_init__(self) -> None:
        # A misspelt name must be found before anything is opened.
        workload(self.name)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"workload {self.name}, seed {self.seed}"

    def prepare(self) -> None:
        """Do nothing: it needs no preparation."""

    def operations(self) -> Iterator[Operation]:
        """Return the operations, from the first."""
        return workload(self.name, self.keys)(self.seed)

    def contents(self) -> Iterator[Operation]:
        """Return what a warm start stores, one set per key; nothing for a workload that has no
        known contents."""
        return article_contents(self.keys or ARTICLES) if self.name == "article" else iter(())

    def stop(self) -> None:
        """Do nothing: it never waits."""


@dataclass(slots=True)
class TraceTraffic:
    """A trace; an unavailable write is retried, so that the end state is exact.

    ``speed``: seconds of the trace per second, by its timestamps; ``None``: as fast as possible.
    ``fill_bytes``: see ``client.Target``.
    """

    trace: Trace
    speed: float | None = None
    fill_bytes: int = 0
    exact: bool = field(default=True, init=False)
    _given_up: threading.Event = field(default_factory=threading.Event, init=False)
    _reading: Reading | None = field(default=None, init=False)
    _records: Iterator[TraceRecord] | None = field(default=None, init=False)
    _table: Timetable | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.speed is not None and not self.trace.timed:
            raise TraceError(
                f"{self.trace.path}: its lines have no timestamps, so there is no"
                " --speed but max; use --rate"
            )

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"trace {'from ' if self.trace.path == STDIN else ''}{self.name}"

    @property
    def name(self) -> str:
        """The name of the trace."""
        return "standard input" if self.trace.path == STDIN else self.trace.path.name

    @property
    def form_line(self) -> str:
        """Its format, in a sentence; for a pipe it is known after ``prepare``."""
        known = self.count or self.trace
        return form_line(self.name, known.format, sure=known.sure, writes=self.trace.options.writes)

    @property
    def count(self) -> TraceCounts | None:
        """The counts of what was read so far; ``None`` before that."""
        return None if self._reading is None else self._reading.count

    @property
    def share(self) -> float | None:
        """The share that was read, 0 to 1; ``None`` if unknown."""
        return None if self._reading is None else self._reading.share

    @property
    def pauses(self) -> int:
        """The number of its pauses that were cut short."""
        return 0 if self._table is None else self._table.pauses

    def prepare(self) -> None:
        """Read up to the first operation, so that a file that is not a trace is refused before
        anything is opened. Waits for input from a pipe.

        Raises:
            TraceError: it is not a trace, a line before the first operation is malformed, or it
                contains no operations.
        """
        if self.trace.path != STDIN:
            # A file is read again for each run of a comparison.
            self._given_up = threading.Event()
        self._reading = reading = self.trace.reading(self._given_up)
        if self.speed is not None and not reading.timed:
            reading.close()
            raise TraceError(f"{reading.name}: its lines have no timestamps")
        records = reading.records()
        first = next(records, None)
        if first is None:
            raise TraceError(f"{reading.name}: {reading.count.cut or 'contains no operations'}")
        self._records = itertools.chain([first], records)

    def operations(self) -> Iterator[Operation]:
        """Return the operations from the first; calls ``prepare`` if it was not called, with the
        same errors."""
        if self._records is None:
            self.prepare()
        assert self._records is not None
        records, self._records = self._records, None
        if self.speed is None:
            return itertools.chain.from_iterable(record.operations for record in records)
        self._table = Timetable(records, self.speed, self._note_back)
        return self._table

    def _note_back(self) -> None:
        if self.count is not None:
            self.count.changed[_BACK] += 1

    def stop(self) -> None:
        """Stop waiting for more input."""
        self._given_up.set()
