"""The process of one side: a stack, its clients and its ledger, driven over one line.

It is started as ``python -m cachedesk.lab.versus.side_process FD`` and ends when the line does, so
it never outlives its parent, whatever kills that.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from cachedesk.admin.draining import drain
from cachedesk.core.commands import Heal
from cachedesk.core.errors import CachedeskError
from cachedesk.core.policy import PolicyTable
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.judge.verdict import unjudged
from cachedesk.lab.load.client import Target
from cachedesk.lab.run.judging import judge
from cachedesk.lab.run.warm_start import warm_up
from cachedesk.lab.versus.fed_clients import FedClients
from cachedesk.lab.versus.messages import (
    FROM_PAIR,
    Burst,
    Done,
    Explain,
    Explained,
    Finish,
    Finished,
    Line,
    Look,
    Open,
    Opened,
    Perform,
    Performed,
    Refused,
    Seen,
    ToPair,
    ToSide,
    command_of,
    frame,
)
from cachedesk.recording.delta import Packer
from cachedesk.recording.frames import Kind
from cachedesk.stack.stack import Stack

DRAIN_SECONDS = 10.0
_CLOSE_SECONDS = 30.0


class SideProcess:
    """One side, as its own process sees it.

    Args:
        line: the line to the pair.
        job: what to open.
    """

    def __init__(self, line: Line[ToSide], job: Open) -> None:
        self._line = line
        self._data = Path(job.data)
        self._contents = job.contents
        self._ended = threading.Event()
        self._finishes = False
        self._looks: SimpleQueue[Look | Explain | None] = SimpleQueue()
        self._commands: SimpleQueue[Perform | None] = SimpleQueue()
        self._packer = Packer()
        self.ledger = Ledger()
        self.ledger.begin((), PolicyTable(job.settings.policies))
        self.stack = Stack(self._data, job.settings, self.ledger, job.safeguards)
        self.stack.workload = job.workload
        stack = self.stack
        target = Target(
            layer=stack.layer,
            ledger=self.ledger,
            depth=lambda: stack.backlog.depth,
            on_stale=lambda: stack.metrics.count("stale"),
        )
        self._clients = FedClients(target, job.clients, self._report_done, self._fail)

    def live(self) -> None:
        """Serve the pair until it says to finish, or the line ends; then close the stack."""
        threads = [
            threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True)
            for work in (self._listen, self._show, self._obey)
        ]
        self._clients.start()
        for thread in threads:
            thread.start()
        warm_up(self, self._contents, self._ended)
        self._say(Opened())
        # The kernel ends the Redis server together with the thread that started it: this one.
        self._ended.wait()
        closing = threading.Thread(target=_end_in_time, name="deadline", daemon=True)
        closing.start()
        self._clients.finish()
        if self._finishes:
            self._drain()
        self.stack.close()
        if self._finishes:
            self._judge()
        else:
            self._clean_up()

    def _listen(self) -> None:
        while (message := self._line.receive()) is not None:
            match message:
                case Burst(operations):
                    self._clients.feed(operations)
                case Look() | Explain():
                    self._looks.put(message)
                case Perform():
                    self._commands.put(message)
                case Finish():
                    self._finishes = True
                    break
        self._ended.set()

    def _show(self) -> None:
        while (look := self._looks.get()) is not None:
            if isinstance(look, Explain):
                self._say(self._explained(look))
                continue
            kind, body = self._packer.pack(self.stack.snapshot())
            self._say(Seen(look.number, kind is Kind.WHOLE, body))

    def _explained(self, asked: Explain) -> Explained:
        try:
            return Explained(asked.number, self.stack.inspect(asked.key))
        except CachedeskError as error:
            return Explained(asked.number, failure=str(error))
        except Exception as error:  # noqa: BLE001 - shown by the pair; the side goes on
            return Explained(asked.number, failure=f"{type(error).__name__}: {error}")

    def _obey(self) -> None:
        while (message := self._commands.get()) is not None:
            try:
                sentence, failed = self.stack.perform(command_of(message)), False
            except CachedeskError as error:
                sentence, failed = str(error), True
            except Exception as error:  # noqa: BLE001 - shown by the pair; the side goes on
                sentence, failed = f"{type(error).__name__}: {error}", True
            self._say(Performed(message.number, sentence, failed))

    def _drain(self) -> None:
        self.stack.perform(Heal())
        drain(
            self.stack.layer,
            DRAIN_SECONDS,
            threading.Event(),
            lambda: self.stack.files_trouble,
        )

    def _judge(self) -> None:
        try:
            verdict = judge(self.ledger, self._data)
        except CachedeskError:
            verdict = unjudged(self.ledger.acknowledged)
        # Examples of stale reads are left out: their type is that of the differences, extended.
        self._say(Finished(replace(verdict, stale=())))

    def _clean_up(self) -> None:
        """Remove the files, as the pair may have been killed and cannot."""
        folder = self._data.parent
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            # Not while the other side has files there.
            folder.parent.rmdir()

    def _report_done(self, client: int, count: int) -> None:
        self._say(Done(client, count))

    def _fail(self, error: BaseException) -> None:
        self._say(Refused(f"unexpected {type(error).__name__} in a client: {error}"))
        self._ended.set()

    def _say(self, message: ToPair) -> None:
        try:
            self._line.send(frame(message))
        except OSError:
            # The pair is gone: this process has no purpose any more.
            self._ended.set()


def _end_in_time() -> None:
    time.sleep(_CLOSE_SECONDS)
    traceback.print_stack()
    os._exit(1)


def main() -> None:
    """Be one side, over the line whose descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line: Line[ToSide] = Line(socket.socket(fileno=int(sys.argv[1])), FROM_PAIR)
    job = line.receive()
    if not isinstance(job, Open):
        return
    try:
        side = SideProcess(line, job)
    except (CachedeskError, OSError) as error:
        line.send(frame(Refused(str(error))))
        return
    side.live()


if __name__ == "__main__":
    main()
