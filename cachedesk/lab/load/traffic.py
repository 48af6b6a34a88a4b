"""Traffic: what a session may be driven by, a workload or a trace."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.timetable import Timetable
from cachedesk.lab.load.workload import workload
from cachedesk.lab.trace import Reading, Trace, TraceError
from cachedesk.lab.trace.reading import Count
from cachedesk.lab.trace.record import Record
from cachedesk.lab.trace.stream import STDIN
from cachedesk.lab.trace.summary import form_line

_BACK = "times before that of the line above, replayed without a pause"


@dataclass(frozen=True, slots=True)
class WorkloadTraffic:
    """An endless workload; a write that is unavailable is left out, as a visitor would.

    ``keys``: how many there are; ``None``: as many as is usual for it. ``fill_bytes``: see
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
        # So that a misspelt name is found before anything is opened.
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

    def stop(self) -> None:
        """Do nothing: it never waits."""


@dataclass(slots=True)
class TraceTraffic:
    """A trace; a write that is unavailable is tried again, so that the end is exact.

    ``speed``: seconds of the trace in one second, by its own times; ``None``: as fast as it goes.
    ``fill_bytes``: see ``client.Target``.
    """

    trace: Trace
    speed: float | None = None
    fill_bytes: int = 0
    exact: bool = field(default=True, init=False)
    _given_up: threading.Event = field(default_factory=threading.Event, init=False)
    _reading: Reading | None = field(default=None, init=False)
    _records: Iterator[Record] | None = field(default=None, init=False)
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
        """What the trace is called."""
        return "standard input" if self.trace.path == STDIN else self.trace.path.name

    @property
    def form_line(self) -> str:
        """Which format it has, in a sentence; for a pipe known once it is prepared."""
        known = self.count or self.trace
        return form_line(self.name, known.format, sure=known.sure, writes=self.trace.ways.writes)

    @property
    def count(self) -> Count | None:
        """What was read so far; ``None`` before anything was."""
        return None if self._reading is None else self._reading.count

    @property
    def share(self) -> float | None:
        """How much of it was read, 0 to 1; ``None`` when unknown."""
        return None if self._reading is None else self._reading.share

    @property
    def pauses(self) -> int:
        """How many pauses of it were so long that they were cut short."""
        return 0 if self._table is None else self._table.pauses

    def prepare(self) -> None:
        """Read up to the first operation, so that what is no trace is refused before anything is
        opened. A pipe is waited for.

        Raises:
            TraceError: it is no trace, a line before the first operation is malformed, or there is
                no operation in it.
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
        """Return the operations, from the first; errors as for ``prepare``, if it was not called
        before."""
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
        """Wait for no more of it, from now on."""
        self._given_up.set()
