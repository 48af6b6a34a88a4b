"""One run from open to verdict, ended by its load or by a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cachedesk.console.signals import Signals
from cachedesk.core.commands import Record
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.load.driver import Load
from cachedesk.lab.run.evidence import gathered
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.schedule import PlannedFault
from cachedesk.lab.run.session import Session, Traffic
from cachedesk.lab.run.timeline import Sampler
from cachedesk.lab.run.watch import Watch
from cachedesk.lab.trace.record import TraceError
from cachedesk.recording.recorder import check_apart, check_free


@dataclass(frozen=True, slots=True)
class RunResult:
    """The report of a run, and the exit status."""

    report: RunReport
    exit_code: int


def run_session(
    data: Path,
    settings: Settings,
    traffic: Traffic,
    load: Load,
    *,
    faults: Iterable[PlannedFault],
    watch: Watch,
    record: Path | None = None,
    safeguards: Safeguards = ALL_ON,
    ledger: Ledger | None = None,
    failpoints: str = "",
    announce: Callable[[], None] | None = None,
) -> RunResult:
    """Run ``traffic`` through a stack in ``data``.

    Args:
        data: the data directory.
        settings: of the stack.
        traffic: the traffic.
        load: clients, rate and end.
        faults: the faults to inject.
        watch: waits for the end of the load, and shows the progress.
        record: the file to record every snapshot to, from the open stack to the end of the drain.
        safeguards: which are on.
        ledger: judges the run; by default a full one.
        failpoints: armed before the stack opens, as ``point=terms;…``.
        announce: called when the format of the traffic is known, before anything is opened.

    Returns:
        The report, and 0 if every promise was kept and the run is complete, 1 if a promise was
        broken or the run is incomplete, 2 if the trace could not be read to its end, or 128 plus
        the number of the signal that ended it early.

    Raises:
        CachedeskError: the stack cannot be opened, or the traffic cannot be read, or ``record``
            cannot be written. The file and the first operation are checked before anything is
            opened.
    """
    if record is not None:
        check_apart(record, data)
        check_free(record)
    was_new = not data.is_dir() or not any(data.iterdir())
    opened = partial(Session, safeguards=safeguards, ledger=ledger, failpoints=failpoints)
    with Signals(traffic.stop) as signals, ExitStack() as leaving:
        try:
            traffic.prepare()
            if announce is not None:
                announce()
            session = leaving.enter_context(opened(data, settings, traffic, load, faults))
        except TraceError:
            if signals.exit_code is None:
                raise
            # Interrupted while waiting for the first operation: nothing has begun.
            raise SystemExit(signals.exit_code) from None
        signals.on_signal = session.driver.stop
        if record is not None:
            session.perform(Record(str(record)))
        sampler = Sampler(session.stack)
        sampler.start()
        try:
            session.start()
            if signals.received.is_set():
                session.driver.stop()
            watch(session)
            seen = session.snapshot()
            report = session.finish(stopping=signals.received, trouble=signals.word)
        finally:
            timeline = sampler.stop()
        evidence = gathered(
            session.stack, settings, seen.redis, seen.database, timeline.settled(), was_new=was_new
        )
        report = replace(report, evidence=evidence)
    if signals.exit_code is not None:
        return RunResult(report, signals.exit_code)
    return RunResult(report, report.exit_code)
