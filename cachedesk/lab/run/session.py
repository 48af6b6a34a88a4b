"""A session: a stack, a load that drives it, faults that break it, and the ledger that judges.

The verdict comes from the files, which are read after everything was closed, so it does not rely
on any state of the running stack.

A session is a ``Source`` and a ``Control``: those of the stack, extended by the load and the
recording, which the stack does not know.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol

from cachedesk.admin.draining import drain
from cachedesk.core.clock import wall_seconds
from cachedesk.core.commands import Bookmark, Command, Heal, Inject, Record, SetRate
from cachedesk.core.engine_event import EventCode, Plain
from cachedesk.core.errors import CachedeskError, ConfigError, Unavailable
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.key_report import KeyReport
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Percentiles, Snapshot
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import unjudged
from cachedesk.lab.load.client import GaveUp, Target
from cachedesk.lab.load.driver import Driver, Load
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.run.bookmarks import Bookmarks
from cachedesk.lab.run.judging import judge, take_as_given
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.schedule import InjectedFault, PlannedFault, Schedule
from cachedesk.lab.trace.reading import TraceCounts
from cachedesk.lab.trace.record import TraceError
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.recorder import Recorded, Recorder, check_apart, shown
from cachedesk.stack.stack import Stack

PATIENCE_SECONDS = 30.0
DRAIN_SECONDS = 60.0
HIGHEST_RATE = 1_000_000.0


class Traffic(Protocol):
    """Operations with a title; ``exact``: every write must be made, so it is retried."""

    @property
    def title(self) -> str:
        """A short description."""
        ...

    @property
    def exact(self) -> bool:
        """Whether an unavailable write is retried rather than left out."""
        ...

    @property
    def fill_bytes(self) -> int:
        """The size of the value that a key is set to after a read that finds nothing; 0: none."""
        ...

    @property
    def count(self) -> TraceCounts | None:
        """The counts of what was read, if it is a trace."""
        ...

    @property
    def share(self) -> float | None:
        """The share that was read, 0 to 1; ``None`` if that is not known."""
        ...

    @property
    def pauses(self) -> int:
        """The number of pauses of a trace that were cut short."""
        ...

    def prepare(self) -> None:
        """Check that it contains operations, before anything is opened."""
        ...

    def operations(self) -> Iterable[Operation]:
        """Return the operations, from the first."""
        ...

    def stop(self) -> None:
        """Stop waiting for more operations."""
        ...


class Session:
    """One open session. ``start``, ``wait``, ``finish``; or leave its ``with`` block to close."""

    def __init__(
        self,
        data: Path,
        settings: Settings,
        traffic: Traffic,
        load: Load,
        faults: Iterable[PlannedFault] = (),
        *,
        safeguards: Safeguards = ALL_ON,
        ledger: Ledger | None = None,
        failpoints: str = "",
    ) -> None:
        """Open the stack in ``data`` and prepare to drive it.

        Args:
            data: the data directory.
            settings: of the stack.
            traffic: the traffic.
            load: clients, rate and end.
            faults: the faults to inject.
            safeguards: which are on.
            ledger: judges the run; by default a full one.
            failpoints: armed before the stack opens, as ``point=terms;…``.

        Raises:
            CachedeskError: as ``Stack``.
        """
        self._data = data
        self._traffic = traffic
        self._ledger = ledger or Ledger()
        self._recorder: Recorder | None = None
        self._recording = threading.Lock()
        self._bookmarks = Bookmarks()
        self._hot_values = True
        # By fault: the seconds that were left when it was healed early.
        self._cut: dict[str, float] = {}
        armed = Failpoints(failpoints)
        self.stack = Stack(data, settings, self._ledger, safeguards, armed)
        try:
            take_as_given(self._ledger, self.stack.layer, settings)
            self._schedule = Schedule(
                faults, lambda name, seconds: self.stack.perform(Inject(name, seconds))
            )
            self.driver = Driver(
                self._target(),
                traffic.operations(),
                load,
                on_count=self._schedule.count,
                on_stop=traffic.stop,
            )
        except BaseException:
            self.stack.close()
            raise
        self.stack.workload = traffic.title

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def snapshot(self) -> Snapshot:
        """Return the state of the stack, the load and the recording as one frozen value."""
        return self._state(hot_values=self._hot_values)

    def read_hot_values(self, *, wanted: bool) -> None:
        """Have the next snapshots hold the values of hot keys in Redis, as recordings always do."""
        self._hot_values = wanted

    def _state(self, *, hot_values: bool = True) -> Snapshot:
        recorder = self._recorder
        drives = not self.driver.ended
        return replace(
            self._bookmarks.on(self.stack.snapshot(hot_values=hot_values)),
            workload=self._traffic.title if drives else "",
            rate=self.driver.rate if drives else None,
            recording="" if recorder is None or recorder.ended else shown(recorder.path),
        )

    def perform(self, command: Command) -> str:
        """Carry out a command and return a sentence that describes the result.

        Raises:
            Unavailable: the load has ended, so its rate cannot be changed.
            ConfigError: the rate is not above 0 and at most ``HIGHEST_RATE``.
            RecordingError: as ``Recorder``; or one is running already, or there is none to end.
            CachedeskError: it cannot be carried out now.
        """
        match command:
            case SetRate(per_second):
                return self._set_rate(per_second)
            case Record(str(path)):
                return self._record(Path(path))
            case Record():
                return self._end_recording()
            case Bookmark():
                return self._bookmarks.add(command)
        return self.stack.perform(command)

    def inspect(self, key: bytes) -> KeyReport:
        """Return the report of ``key``."""
        return self.stack.inspect(key)

    @property
    def ledger(self) -> Ledger:
        """The judge of the run."""
        return self._ledger

    @property
    def recorded(self) -> Recorded | None:
        """The last or current recording; ``None`` if there was none."""
        return None if self._recorder is None else self._recorder.recorded()

    @property
    def share(self) -> float | None:
        """The share of the traffic that was read, 0 to 1; ``None`` if unknown."""
        return self._traffic.share

    def start(self) -> None:
        """Start the load and the faults."""
        self._schedule.start()
        self.driver.start()

    def close(self) -> None:
        """Stop the load and close the stack, without a verdict. A second call does nothing."""
        self._schedule.finish()
        self.driver.join()
        self._stop_recorder()
        self.stack.close()

    def finish(self, stopping: threading.Event | None = None, trouble: str = "") -> RunReport:
        """Stop the load, heal all faults, drain, close, and judge from the files.

        Args:
            stopping: ends the drain when set; pending events stay in the log.
            trouble: why the load was ended early, for the report.

        Raises:
            CachedeskError: the files are damaged.
        """
        unread = ""
        try:
            tally = self.driver.finish()
        except GaveUp as error:
            tally, trouble = self.driver.tally(), str(error)
        except TraceError as error:
            # The operations done until then are judged like any other run.
            tally, unread = self.driver.tally(), str(error)
        except CachedeskError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug is part of the report, and judged too
            tally, trouble = self.driver.tally(), _defect(error)
        faults = self._schedule.finish()
        off = self.stack.snapshot().safeguards.off
        self._heal()
        drain_seconds = drain(
            self.stack.layer,
            DRAIN_SECONDS,
            stopping or threading.Event(),
            lambda: self.stack.files_trouble,
        )
        gone = self.stack.files_trouble
        # Only the last fault of a name can have been healed early.
        faults = [self._confirmed(fault) for fault in reversed(faults)][::-1]
        lag = self.stack.metrics.lag(total=True)
        self._stop_recorder()
        self.stack.close()
        try:
            verdict = judge(self._ledger, self._data)
        except CachedeskError:
            if not gone:
                raise
            verdict = unjudged(self._ledger.acknowledged)
        return RunReport(
            title=self._traffic.title,
            tally=tally,
            verdict=verdict,
            lag=lag if lag.count else Percentiles(),
            seconds=self.driver.seconds,
            drain_seconds=drain_seconds,
            faults=faults,
            trouble=trouble,
            unread=unread,
            gone=gone,
            pauses=self._traffic.pauses,
            recorded=self.recorded,
            trace=self._traffic.count,
            safeguards_off=off,
        )

    def _confirmed(self, fault: InjectedFault) -> InjectedFault:
        """Return the final result of ``fault``: one that waits for a failpoint may have had no
        effect, and a lasting one may have been healed early."""
        if not fault.injected:
            return fault
        if why := self.stack.faults.missed(fault.name):
            return replace(fault, injected=False, said=why)
        left = self._cut.pop(fault.name.partition(":")[0], 0.0)
        if left > 0 and fault.lasting_seconds is not None:
            return replace(fault, lasted_seconds=max(0.0, fault.lasting_seconds - left))
        return fault

    def _set_rate(self, per_second: float | None) -> str:
        if self.driver.ended:
            raise Unavailable("the workload has ended: it has no rate to change")
        if per_second is None:
            self.driver.set_rate(None)
            return self._announce(EventCode.WORKLOAD_RATE_SET, per_second=None)
        if not 0 < per_second <= HIGHEST_RATE:
            raise ConfigError(
                f"a rate is above 0 and at most {HIGHEST_RATE:,.0f} operations a second,"
                f" not {per_second:g}"
            )
        self.driver.set_rate(per_second)
        return self._announce(EventCode.WORKLOAD_RATE_SET, per_second=per_second)

    def _record(self, path: Path) -> str:
        with self._recording:
            if self._recorder is not None and not self._recorder.ended:
                raise RecordingError(
                    f"{self._recorder.path} is being recorded to; stop that recording first"
                )
            check_apart(path, self._data)
            self._recorder = Recorder(path, self._state, self._announce_trouble)
        return self._announce(EventCode.RECORDING_STARTED, path=shown(path))

    def _end_recording(self) -> str:
        with self._recording:
            if self._recorder is None or self._recorder.ended:
                raise RecordingError("nothing is being recorded")
            self._recorder.stop()
            done = self._recorder.recorded()
        return self._announce(
            EventCode.RECORDING_STOPPED,
            path=done.file,
            records=done.records,
            seconds=done.seconds,
            result=str(done),
        )

    def _stop_recorder(self) -> None:
        with self._recording:
            if self._recorder is not None:
                self._recorder.stop()

    def _announce_trouble(self, why: str) -> None:
        self._announce(EventCode.RECORDING_FAILED, reason=why)

    def _announce(self, code: EventCode, **fields: Plain) -> str:
        return self.stack.event_ring.add(code, **fields)

    def _target(self) -> Target:
        return Target(
            layer=self.stack.layer,
            ledger=self._ledger,
            patience_seconds=PATIENCE_SECONDS if self._traffic.exact else 0.0,
            fill_bytes=self._traffic.fill_bytes,
            depth=lambda: self.stack.backlog.depth,
            on_stale=lambda: self.stack.metrics.count("stale"),
            on_stuck=self._heal,
            on_failure=self._announce_failure,
        )

    def _announce_failure(self, error: BaseException) -> None:
        self._announce(EventCode.WORKLOAD_FAILED, workload=self._traffic.title, error=str(error))

    def _heal(self) -> None:
        if self.stack.faults.active:
            now = wall_seconds()
            for state in self.stack.faults.states():
                if state.until_at is not None:
                    self._cut[state.name] = state.until_at - now
            self.stack.perform(Heal())


def _defect(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__} in a client: {error}{where}"
