"""One side of a pair, as the pair sees it: its process, its newest snapshot, and how it ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeout
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import msgspec

from cachedesk.core.commands import Command
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.key_report import KeyReport
from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.versus.messages import (
    FROM_SIDE,
    Done,
    Explain,
    Explained,
    Finish,
    Finished,
    Line,
    Look,
    Open,
    Opened,
    Performed,
    Refused,
    Seen,
    ToPair,
    frame,
    performing,
)
from cachedesk.lab.versus.sides import SideSetup
from cachedesk.recording.delta import Undecodable, Unpacker
from cachedesk.recording.frames import Kind

Answer = Future[str] | Future[Snapshot] | Future[KeyReport]
T = TypeVar("T")

_EXIT_SECONDS = 40.0
_KILLED_SECONDS = 10.0
_MOST_LETTERS = 300


class SideError(CachedeskError):
    """A command failed on one side, or the side cannot be used."""


@dataclass(frozen=True, slots=True)
class SideView:
    """What is known of a side. ``snapshot``: the newest; ``None`` before the first. ``ended``: why
    its process has ended, or its recording; empty before. ``open``: whether its stack is open and
    warm. ``silent``: whether it did not answer in time, so that the snapshot is an older one."""

    title: str
    snapshot: Snapshot | None = None
    ended: str = ""
    open: bool = True
    silent: bool = False


class Side:
    """The process of one side. Thread-safe.

    Args:
        setup: how its stack is set up.
        folder: an empty folder for its files.
        job: what its process opens.
        room: guards ``waiting``; notified when it shrinks, when the side is open, and when it has
            ended.
    """

    def __init__(
        self,
        setup: SideSetup,
        folder: Path,
        job: Open,
        room: threading.Condition,
    ) -> None:
        self.setup = setup
        self.is_open = threading.Event()
        self.gone = threading.Event()
        self.ended = ""
        self.refusal = ""
        self.verdict: Verdict | None = None
        self.waiting = [0] * job.clients
        """The operations that each client was sent and has not ended."""
        self._room = room
        self._frames: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._numbers = 0
        self._asked: dict[int, Answer] = {}
        self._unpacker = Unpacker()
        self._latest: Snapshot | None = None
        self._finishing = False
        self._errors = folder / "stderr"
        sockets = folder / "run"
        sockets.mkdir(mode=0o700)
        ours, its = socket.socketpair()
        with its, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cachedesk.lab.versus.side_process", str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                # A killed process leaves its socket here, where it is removed with the rest.
                env=os.environ | {"XDG_RUNTIME_DIR": str(sockets)},
                # The keys of the terminal are for the desk alone.
                process_group=0,
            )
        self._line: Line[ToPair] = Line(ours, FROM_SIDE)
        self._listener = threading.Thread(target=self._listen, name="side", daemon=True)
        self._sender = threading.Thread(target=self._send_all, name="side-sender", daemon=True)
        self._listener.start()
        self._sender.start()
        self.send(frame(job))

    @property
    def pid(self) -> int:
        """The pid of the process."""
        return self._process.pid

    @property
    def view(self) -> SideView:
        """What is known of it."""
        return SideView(self.setup.title, self._latest, self.ended, self.is_open.is_set())

    @property
    def runs(self) -> bool:
        """Whether it is open and takes operations and commands."""
        return self.is_open.is_set() and not self.gone.is_set()

    def send(self, data: bytes) -> None:
        """Send a frame, soon. What may be queued is bounded by what may be ``waiting``."""
        self._frames.put(data)

    def perform(self, command: Command) -> Future[str]:
        """Have it carry out ``command``; the future is the sentence that describes the result."""
        answer: Future[str] = Future()
        number = self._expect(answer)
        self.send(frame(performing(number, command)))
        return answer

    def look(self) -> Future[Snapshot]:
        """Ask for a snapshot."""
        answer: Future[Snapshot] = Future()
        number = self._expect(answer)
        self.send(frame(Look(number)))
        return answer

    def explain(self, key: bytes) -> Future[KeyReport]:
        """Ask for the report of ``key``."""
        answer: Future[KeyReport] = Future()
        number = self._expect(answer)
        self.send(frame(Explain(number, key)))
        return answer

    def finish(self) -> None:
        """Tell it to stop, drain, close and judge; ``close`` waits for that."""
        self._finishing = True
        self.send(frame(Finish()))

    def close(self) -> None:
        """Wait until its process has ended after ``finish``; otherwise end it. A second call does
        nothing."""
        if not self._finishing:
            self._finishing = True
            self._line.shut()
        if not self.gone.wait(_EXIT_SECONDS):
            self._process.kill()
        self._listener.join(_KILLED_SECONDS)
        self._sender.join(_KILLED_SECONDS)

    def _expect(self, answer: Answer) -> int:
        with self._lock:
            if self.gone.is_set():
                answer.set_exception(SideError(f"{self.setup.title} has ended: {self.ended}"))
            self._numbers += 1
            self._asked[self._numbers] = answer
            return self._numbers

    def _listen(self) -> None:
        try:
            while (message := self._line.receive()) is not None:
                self._take(message)
        except (msgspec.MsgspecError, Undecodable) as error:
            self.refusal = f"its process sent what cannot be read: {error}"
        self._line.shut()
        try:
            status = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._line.close()
        with self._lock:
            self.ended = "closed" if self._finishing else self._how(status)
            self.gone.set()
            asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(SideError(f"{self.setup.title} has ended: {self.ended}"))
        self._frames.put(None)
        self._notify()

    def _send_all(self) -> None:
        """Send what is queued; on its own thread, so that a stopped process blocks no other."""
        while (data := self._frames.get()) is not None:
            try:
                self._line.send(data)
            except OSError:
                # The listener finds out how it ended.
                return

    def _notify(self) -> None:
        with self._room:
            self._room.notify_all()

    def _take(self, message: ToPair) -> None:
        match message:
            case Done(client, count):
                with self._room:
                    self.waiting[client] -= count
                    self._room.notify_all()
            case Seen(number, whole, body):
                snapshot = self._unpacker.unpack(Kind.WHOLE if whole else Kind.CHANGE, body)
                self._latest = snapshot
                self._answer(number, snapshot)
            case Performed(number, sentence, failed):
                self._answer(number, SideError(sentence) if failed else sentence)
            case Explained(number, report, failure):
                self._answer(number, report or SideError(failure))
            case Opened():
                self.is_open.set()
                self._notify()
            case Refused(reason):
                self.refusal = reason
            case Finished(verdict):
                self.verdict = verdict

    def _answer(self, number: int, result: object) -> None:
        with self._lock:
            answer = self._asked.pop(number, None)
        if answer is None:
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def _how(self, status: int) -> str:
        if self.refusal:
            return self.refusal
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        try:
            text = self._errors.read_text(errors="replace").strip()
        except OSError:
            text = ""
        last = text.rpartition("\n")[2].strip()[:_MOST_LETTERS]
        return f"ended with status {status}{f': {last}' if last else ''}"


def awaited(answer: Future[T], seconds: float) -> T:
    """Return the sentence of a command, or the report of a key.

    Raises:
        CachedeskError: it failed, or there is no answer within ``seconds``.
    """
    try:
        return answer.result(seconds)
    except WaitTimeout:
        raise Unavailable(f"no answer within {seconds:.0f} s") from None
