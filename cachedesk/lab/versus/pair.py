"""A pair: two sides under one traffic and one keyboard, as a source of pairs of snapshots."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeout
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from cachedesk.core.commands import Command, Inject, Record, SetRate
from cachedesk.core.errors import CachedeskError, ConfigError, Unavailable
from cachedesk.core.key_report import KeyReport
from cachedesk.core.policy import PolicyTable
from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.run.session import HIGHEST_RATE
from cachedesk.lab.versus.messages import Open
from cachedesk.lab.versus.pair_driver import PairDriver
from cachedesk.lab.versus.side import Side, SideError, SideView, awaited
from cachedesk.lab.versus.sides import SideSetup
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.recorder import Recorder, check_free, shown

NAMES = ("left", "right")

SEPARATOR = " · "
"""Between the traffic and the title of a side in the ``workload`` of its snapshots."""

_PREFIX = "cachedesk-versus-"
_ALIGN_SECONDS = 0.25
_LOOK_SECONDS = 1.5
_PERFORM_SECONDS = 60.0
_OPEN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class PairSnapshot:
    """Both sides at one moment.

    ``aligned``: both had done exactly the same operations, so that every difference between their
    values is a difference between the stacks. If not, ``busy`` are the hot keys of which that is
    not certain, because operations on them were under way. ``dropped``: the operations that neither
    side got because one of them had no room.
    """

    left: SideView
    right: SideView
    aligned: bool = False
    busy: tuple[bytes, ...] = ()
    dropped: int = 0


class PairSource(Protocol):
    """A source of pairs: live sides, two recordings, a fixed value."""

    def snapshot(self) -> PairSnapshot:
        """Return the state now. May take milliseconds: do not call it on a screen's own thread."""
        ...


class PairTraffic(Protocol):
    """Operations without end, with a title."""

    @property
    def title(self) -> str:
        """A short description."""
        ...

    def operations(self) -> Iterator[Operation]:
        """Return the operations, from the first."""
        ...

    def contents(self) -> Iterator[Operation]:
        """Return what a warm start stores, one set per key."""
        ...


@dataclass(frozen=True, slots=True)
class SideResult:
    """How a side ended. ``verdict``: what its ledger found; ``None`` if it did not live so long."""

    title: str
    verdict: Verdict | None
    ended: str


class Pair:
    """Two sides, each a process of its own on a fresh directory. A ``PairSource`` and a
    ``Control``: a command is sent to both sides before either is waited for."""

    def __init__(
        self,
        setups: tuple[SideSetup, SideSetup],
        traffic: PairTraffic,
        load: Load,
        *,
        warm: bool = True,
    ) -> None:
        """Start the processes; ``start`` starts the traffic once both are open.

        Args:
            setups: of the left and the right side.
            traffic: drawn once, and sent to both.
            load: how many clients each side has, and how many operations per second it is sent.
            warm: store the contents of the workload on both sides first.

        Raises:
            CachedeskError: a process cannot be started.
        """
        self._recorders: list[Recorder] = []
        self._recording = threading.Lock()
        self._looking = threading.Lock()
        self._stack = ExitStack()
        room = threading.Condition()
        contents = tuple(traffic.contents()) if warm else ()
        with ExitStack() as opening:
            folder = Path(opening.enter_context(TemporaryDirectory(prefix=_PREFIX)))
            sides = []
            for name, setup in zip(NAMES, setups, strict=True):
                place = folder / name
                place.mkdir()
                workload = f"{traffic.title}{SEPARATOR}{setup.title}"
                job = Open(
                    str(place / "data"),
                    workload,
                    setup.settings,
                    setup.safeguards,
                    load.clients,
                    contents,
                )
                side = Side(setup, place, job, room)
                opening.callback(side.close)
                sides.append(side)
            self._stack = opening.pop_all()
        self.left, self.right = sides
        self.sides: Sequence[Side] = sides
        self.driver = PairDriver(
            sides,
            traffic.operations(),
            load,
            policies=PolicyTable(setups[1].settings.policies),
            room=room,
        )
        self._room = room
        self._closing = threading.Event()

    def wait_open(self, seconds: float = _OPEN_SECONDS) -> None:
        """Wait until both sides are open.

        Raises:
            CachedeskError: a side cannot be opened; or neither has been within ``seconds``.
        """
        with self._room:
            self._room.wait_for(
                lambda: (
                    self._closing.is_set()
                    or all(side.is_open.is_set() for side in self.sides)
                    or any(side.gone.is_set() for side in self.sides)
                ),
                seconds,
            )
        for side in self.sides:
            if side.gone.is_set():
                raise SideError(f"{side.setup.title}: {side.ended}")
            if not side.is_open.is_set() and not self._closing.is_set():
                raise Unavailable(f"{side.setup.title} was not open within {seconds:.0f} s")

    def start(self) -> None:
        """Start the traffic."""
        if not self._closing.is_set():
            self.driver.start()

    def snapshot(self) -> PairSnapshot:
        """Return the state of both sides after the same operations, if they can be brought there
        within a fraction of a second."""
        with self._looking, self.driver.held(_ALIGN_SECONDS) as aligned:
            asked = [side.look() for side in self.sides]
            until = time.monotonic() + _LOOK_SECONDS
            silent = [not _came(answer, until) for answer in asked]
            late = self.driver.busy_clients()
        left, right = (
            self._view(side, no_answer) for side, no_answer in zip(self.sides, silent, strict=True)
        )
        hot = right.snapshot.hot if right.snapshot else ()
        return PairSnapshot(
            left,
            right,
            aligned=aligned and not any(silent),
            busy=tuple(one.key for one in hot if self.driver.client_of(one.key) in late),
            dropped=self.driver.dropped,
        )

    def perform(self, command: Command) -> str:
        """Carry out a command on both sides at once.

        Raises:
            CachedeskError: it failed on a side that runs; the message names the side if the other
                could carry it out.
        """
        match command:
            case SetRate(per_second):
                return self._set_rate(per_second)
            case Record(str(path)):
                return self._record(Path(path))
            case Record():
                return self._end_recording()
        running = [side for side in self.sides if side.runs]
        if not running:
            is_over = all(side.gone.is_set() for side in self.sides)
            raise Unavailable(
                "both sides have ended" if is_over else "the sides are still starting"
            )
        asked = [side.perform(command) for side in running]
        sentences, errors = [], {}
        for side, answer in zip(running, asked, strict=True):
            try:
                sentences.append(awaited(answer, _PERFORM_SECONDS))
            except CachedeskError as error:
                errors[side.setup.title] = str(error)
        if isinstance(command, Inject) and command.fault == "process.kill":
            # No answer is what was asked for.
            return "both processes were killed"
        if errors and len(set(errors.values())) == 1 and len(errors) == len(running):
            raise SideError(next(iter(errors.values())))
        if errors:
            raise SideError("; ".join(f"{title}: {why}" for title, why in errors.items()))
        return sentences[0]

    def explain(self, side: int, key: bytes) -> KeyReport:
        """Return the report of ``key`` on the left side (0) or on the right one (1).

        Raises:
            CachedeskError: the side has ended, or does not answer.
        """
        return awaited(self.sides[side].explain(key), _LOOK_SECONDS)

    def finish(self) -> tuple[SideResult, SideResult]:
        """Stop the traffic, drain and close both sides at once, and return what was found."""
        self.driver.stop()
        self._stop_recorders()
        ended = [side.ended for side in self.sides]
        for side in self.sides:
            side.finish()
        self.close()
        results = [
            SideResult(side.setup.title, side.verdict, why)
            for side, why in zip(self.sides, ended, strict=True)
        ]
        return results[0], results[1]

    def close(self) -> None:
        """End both sides without a verdict, unless they are finishing. A second call does
        nothing."""
        self._closing.set()
        with self._room:
            self._room.notify_all()
        self.driver.stop()
        self._stop_recorders()
        self._stack.close()

    def _view(self, side: Side, silent: bool) -> SideView:
        view = replace(side.view, silent=silent and not side.ended)
        if view.snapshot is None:
            return view
        recorders = self._recorders
        recording = shown(recorders[0].path) if recorders and not recorders[0].ended else ""
        snapshot = replace(view.snapshot, rate=self.driver.rate, recording=recording)
        return replace(view, snapshot=snapshot)

    def _set_rate(self, per_second: float | None) -> str:
        if per_second is not None and not 0 < per_second <= HIGHEST_RATE:
            raise ConfigError(
                f"a rate is above 0 and at most {HIGHEST_RATE:,.0f} operations a second,"
                f" not {per_second:g}"
            )
        self.driver.set_rate(per_second)
        return "the rate was changed on both sides"

    def _record(self, path: Path) -> str:
        with self._recording:
            if any(not recorder.ended for recorder in self._recorders):
                raise RecordingError("both sides are being recorded; stop that recording first")
            paths = side_paths(path)
            for each in paths:
                check_free(each)
            self._recorders = []
            try:
                for side, each in zip(self.sides, paths, strict=True):
                    recorder = Recorder(each, partial(_known, side), _nothing)
                    self._recorders.append(recorder)
            except CachedeskError:
                for recorder in self._recorders:
                    recorder.stop()
                raise
        return f"recording to {' and '.join(shown(each) for each in paths)}"

    def _end_recording(self) -> str:
        with self._recording:
            if all(recorder.ended for recorder in self._recorders):
                raise RecordingError("nothing is being recorded")
            for recorder in self._recorders:
                recorder.stop()
            return "; ".join(str(recorder.recorded()) for recorder in self._recorders)

    def _stop_recorders(self) -> None:
        with self._recording:
            for recorder in self._recorders:
                recorder.stop()


def side_paths(path: Path) -> tuple[Path, Path]:
    """Return the recordings of both sides that are made for ``path``: ``x.rec`` is recorded to
    ``x.left.rec`` and ``x.right.rec``."""
    left, right = (path.with_name(f"{path.stem}.{name}{path.suffix}") for name in NAMES)
    return left, right


def _known(side: Side) -> Snapshot:
    """Return the newest snapshot of ``side``.

    Raises:
        SideError: it has ended, which ends its recording.
    """
    if side.gone.is_set():
        raise SideError(side.ended)
    latest = side.view.snapshot
    if latest is None:
        raise SideError("it has not answered yet")
    return latest


def _nothing(why: str) -> None:
    """Do nothing: the screen shows how a side ended."""


def _came(answer: Future[Snapshot], until: float) -> bool:
    """Wait until then for a snapshot; return whether it came."""
    try:
        answer.result(max(0.0, until - time.monotonic()))
    except (WaitTimeout, SideError):
        return False
    return True


def run_after_open(pair: Pair, on_error: Callable[[CachedeskError], None]) -> threading.Thread:
    """Start the traffic of ``pair`` on a thread as soon as both sides are open; ``on_error`` is
    called there if they cannot be opened."""

    def start() -> None:
        try:
            pair.wait_open()
        except CachedeskError as error:
            on_error(error)
        else:
            pair.start()

    thread = threading.Thread(target=start, name="pair-start", daemon=True)
    thread.start()
    return thread
