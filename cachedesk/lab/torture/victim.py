"""The process under test: opens the data directory, works, injects faults, and is killed.

It is forked from the judge, which has only one thread, and reports each broken promise as a line.
The writes that it acknowledged to its clients are in the expected state.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import tempfile
import threading
import traceback
from typing import NoReturn

from cachedesk.core.commands import Heal
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.failpoints import Failpoints
from cachedesk.lab.torture import plan
from cachedesk.lab.torture.channel import Channel
from cachedesk.lab.torture.clients import Histories, TortureClient
from cachedesk.lab.torture.expected import Expected
from cachedesk.lab.torture.job import Base, Job, TorturePaths
from cachedesk.lab.torture.random_faults import random_settings, strike
from cachedesk.lab.torture.script import KEYS, Disk, Script, script_settings
from cachedesk.lab.torture.sessions import SessionHistories
from cachedesk.lab.torture.strace import allow_tracing
from cachedesk.stack.stack import Stack

_DRAIN_SECONDS = 4.0
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def fork(place: TorturePaths, job: Job, base: Base) -> tuple[int, socket.socket]:
    """Start a process under test.

    Args:
        place: the files of the torture.
        job: its job.
        base: each key's (version, value) as the judge last found it.

    Returns:
        Its pid, and the judge's end of the channel.
    """
    ours, its = socket.socketpair()
    # Until the child has its own handlers, a Ctrl-C would run the judge's handlers in it.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            ours.close()
            _live(place, job, base, Channel(its))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    its.close()
    return pid, ours


def _live(place: TorturePaths, job: Job, base: Base, channel: Channel) -> NoReturn:
    failed = []

    def work() -> None:
        try:
            tempfile.tempdir = str(place.sockets)
            _work(place, job, base, channel)
        except BaseException:  # noqa: BLE001 - every error is reported to the judge
            channel.report_violation(traceback.format_exc())
            failed.append(3)

    # Calls on the main thread would run on the stack's own thread, to which strace is not attached.
    caller = threading.Thread(target=work, name="caller")
    caller.start()
    caller.join()
    # Not a normal exit, which would run the exit handlers of the judge.
    os._exit(failed[0] if failed else 0)


def _work(place: TorturePaths, job: Job, base: Base, channel: Channel) -> None:
    # Before any call is made to fail.
    expected = Expected(place.expected)
    struck = job.injection
    if struck:
        allow_tracing()
        if struck.thread == "main":
            channel.halt(threading.get_native_id())
    failpoints = Failpoints(job.failpoints)
    if job.failpoints:
        failpoints.count_in(place.hits)
    free = job.work == "free"
    settings = random_settings(job.cycle_seed) if free else script_settings()
    try:
        stack = Stack(place.data, settings, failpoints=failpoints)
    except CachedeskError:
        if struck and struck.action != "kill":
            # On a failing disk, opening may raise an error.
            return
        raise
    if struck and struck.thread == "worker":
        channel.halt(_worker_thread())
    if free:
        _Free(job, base, stack, expected, channel).work()
    elif job.work == "script":
        disk: Disk = "sound"
        if struck and struck.action != "kill":
            disk = "fails for good" if struck.stays else "fails once"
        client = TortureClient(
            0,
            job.plan_seed,
            stack.layer,
            expected,
            Histories(base),
            channel.report_violation,
            SessionHistories(job.plan_seed, expected),
            KEYS,
        )
        Script(stack, client, expected, channel, disk).play()
    stack.close()


def _worker_thread() -> int | None:
    (worker,) = (one for one in threading.enumerate() if one.name == "flush-worker")
    return worker.native_id


class _Free:
    """Clients at full speed, with random faults."""

    def __init__(
        self, job: Job, base: Base, stack: Stack, expected: Expected, channel: Channel
    ) -> None:
        self._stack = stack
        self._channel = channel
        self._seconds = job.seconds
        self._rng = random.Random(job.cycle_seed)
        self._stop = threading.Event()
        histories, sessions = Histories(base), SessionHistories(job.plan_seed, expected)
        self._clients = [
            TortureClient(
                number,
                job.plan_seed,
                stack.layer,
                expected,
                histories,
                channel.report_violation,
                sessions,
            )
            for number in range(plan.CLIENTS)
        ]

    def work(self) -> None:
        """Work for the duration of the job, heal everything, and drain."""
        threads = [
            threading.Thread(target=self._watched, args=(client,), daemon=True)
            for client in self._clients
        ]
        for thread in threads:
            thread.start()
        waited = threading.Event()
        left = self._seconds
        while left > 0:
            pause = self._rng.uniform(0.005, 0.06)
            waited.wait(pause)
            left -= pause
            strike(self._stack, self._rng)
            books = self._stack.pending.books()
            if not books.balanced:
                self._channel.report_violation(f"the books do not balance: {books}")
        self._stack.perform(Heal())
        self._stop.set()
        for thread in threads:
            thread.join()
        self._drain()

    def _drain(self) -> None:
        """Drain, which detects an event that would never be flushed."""
        try:
            self._stack.layer.drain(_DRAIN_SECONDS)
        except Unavailable as error:
            self._channel.report_violation(f"the drain did not end: {error}")
        books = self._stack.pending.books()
        if not books.balanced or books.dead:
            self._channel.report_violation(f"the books after the drain: {books}")

    def _watched(self, client: TortureClient) -> None:
        try:
            client.run(self._stop)
        except BaseException:  # noqa: BLE001 - a client must not die silently
            self._channel.report_violation(traceback.format_exc())
