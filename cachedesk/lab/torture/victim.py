"""The process under test: it opens the data directory, works, breaks itself, and gets killed.

It is forked from the judge, which has nothing but one thread, and talks back a line per broken
promise. What it promised to its clients is in the expected state.
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
from cachedesk.lab.torture.channel import Talk
from cachedesk.lab.torture.clients import Client, Histories
from cachedesk.lab.torture.expected import Expected
from cachedesk.lab.torture.job import Base, Orders, Place
from cachedesk.lab.torture.random_faults import random_settings, strike
from cachedesk.lab.torture.script import KEYS, Disk, Script, script_settings
from cachedesk.lab.torture.strace import let_anybody_trace
from cachedesk.stack.stack import Stack

_DRAIN_SECONDS = 4.0
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def fork(place: Place, orders: Orders, base: Base) -> tuple[int, socket.socket]:
    """Start a process under test.

    Args:
        place: where.
        orders: what to do.
        base: each key's (version, value) as the judge last found it.

    Returns:
        Its pid, and the judge's end of the talk.
    """
    ours, its = socket.socketpair()
    # Until it has handlers of its own, a Ctrl-C would make it a second judge.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            ours.close()
            _live(place, orders, base, Talk(its))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    its.close()
    return pid, ours


def _live(place: Place, orders: Orders, base: Base, talk: Talk) -> NoReturn:
    failed = []

    def work() -> None:
        try:
            tempfile.tempdir = str(place.sockets)
            _work(place, orders, base, talk)
        except BaseException:  # noqa: BLE001 - the judge must hear of anything
            talk.accuse(traceback.format_exc())
            failed.append(3)

    # Calls of the main thread would run on the stack's own thread, which strace is not attached to.
    caller = threading.Thread(target=work, name="caller")
    caller.start()
    caller.join()
    # Not a normal exit: what the judge's process registered is not this one's to clean up.
    os._exit(failed[0] if failed else 0)


def _work(place: Place, orders: Orders, base: Base, talk: Talk) -> None:
    # Before any call is made to fail.
    expected = Expected(place.expected)
    struck = orders.injection
    if struck:
        let_anybody_trace()
        if struck.thread == "main":
            talk.halt(threading.get_native_id())
    failpoints = Failpoints(orders.failpoints)
    if orders.failpoints:
        failpoints.count_in(place.hits)
    free = orders.work == "free"
    settings = random_settings(orders.cycle_seed) if free else script_settings()
    try:
        stack = Stack(place.data, settings, failpoints=failpoints)
    except CachedeskError:
        if struck and struck.action != "kill":
            # On a disk that fails, an error is what opening may come to.
            return
        raise
    if struck and struck.thread == "worker":
        talk.halt(_worker_thread())
    if free:
        _Free(orders, base, stack, expected, talk).work()
    elif orders.work == "script":
        disk: Disk = "sound"
        if struck and struck.action != "kill":
            disk = "fails for good" if struck.stays else "fails once"
        client = Client(
            0, orders.plan_seed, stack.layer, expected, Histories(base), talk.accuse, KEYS
        )
        Script(stack, client, expected, talk, disk).play()
    stack.close()


def _worker_thread() -> int | None:
    (worker,) = (one for one in threading.enumerate() if one.name == "flush-worker")
    return worker.native_id


class _Free:
    """Clients as fast as they can, while faults strike."""

    def __init__(
        self, orders: Orders, base: Base, stack: Stack, expected: Expected, talk: Talk
    ) -> None:
        self._stack = stack
        self._talk = talk
        self._seconds = orders.seconds
        self._dice = random.Random(orders.cycle_seed)
        self._stop = threading.Event()
        histories = Histories(base)
        self._clients = [
            Client(number, orders.plan_seed, stack.layer, expected, histories, talk.accuse)
            for number in range(plan.CLIENTS)
        ]

    def work(self) -> None:
        """Work for as long as the orders say, heal everything, and drain."""
        threads = [
            threading.Thread(target=self._watched, args=(client,), daemon=True)
            for client in self._clients
        ]
        for thread in threads:
            thread.start()
        waited = threading.Event()
        left = self._seconds
        while left > 0:
            pause = self._dice.uniform(0.005, 0.06)
            waited.wait(pause)
            left -= pause
            strike(self._stack, self._dice)
            books = self._stack.pending.books()
            if not books.balanced:
                self._talk.accuse(f"the books do not balance: {books}")
        self._stack.perform(Heal())
        self._stop.set()
        for thread in threads:
            thread.join()
        self._drain()

    def _drain(self) -> None:
        """Drain, so that an event which nobody would ever flush is noticed."""
        try:
            self._stack.layer.drain(_DRAIN_SECONDS)
        except Unavailable as error:
            self._talk.accuse(f"the drain did not end: {error}")
        books = self._stack.pending.books()
        if not books.balanced or books.dead:
            self._talk.accuse(f"the books after the drain: {books}")

    def _watched(self, client: Client) -> None:
        try:
            client.run(self._stop)
        except BaseException:  # noqa: BLE001 - a client that dies silently would check nothing
            self._talk.accuse(traceback.format_exc())
