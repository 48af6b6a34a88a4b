"""The loop that watches a server: it asks within its budget, reconnects, and offers snapshots."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CachedeskError
from cachedesk.core.watched_server import ServerRefused, ServerUnreachable, WatchedServer
from cachedesk.watch.observation import Observation
from cachedesk.watch.pacing import Account, least_pause, next_window
from cachedesk.watch.probing import ProbeChooser
from cachedesk.watch.snapshot import WatchSnapshot
from cachedesk.watch.trace_file import TraceFile, TraceFileError, lines_of_others

LOOK_SECONDS = 1.0
"""How often the server's own figures are asked for."""

SCAN_KEYS = 50

PASS_PAUSE_SECONDS = 5.0
"""So long nothing is asked after all keys were looked at."""

_FIRST_RETRY, _LAST_RETRY = 0.5, 10.0
_MONITOR_SHARE = 0.6
"""MONITOR's part of the budget; the rest is for keys and their sizes."""

_PROBES_PER_SECOND = 1_000

_FIRST_STEPS = 3
"""So many steps: the server's figures, the first window, some keys."""


class Watcher:
    """Watches one server, by itself after ``start``.

    Args:
        connect: opens a connection; called again, with growing pauses, when the server went away.
        budget: the share of the server's time that may be spent, above 0 and at most 1.
        monitor: whether MONITOR may be used.
        clock: the time, in monotonic seconds.

    Raises:
        ServerUnreachable: nothing answers.
        ServerRefused: the server refuses the user, or a command that is needed.
    """

    def __init__(
        self,
        connect: Callable[[], WatchedServer],
        budget: float,
        *,
        monitor: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._connect = connect
        self._budget = budget
        self._monitor = monitor
        self._server: WatchedServer | None = connect()
        now = clock()
        self.address = self._server.address
        self._observed = Observation(
            self.address, self._server.database, budget, monitor=monitor, now=now
        )
        share = budget * (_MONITOR_SHARE if monitor else 0.0)
        self._for_monitor = Account(max(share, 1e-9), now)
        self._for_keys = Account(budget - share, now)
        self._look_at = self._window_at = self._pass_at = now
        self._paid_calls = self._paid_monitor = 0.0
        self._cursor = 0
        self._keys_next = False
        self._retry_at, self._retry_pause = now, _FIRST_RETRY
        self._answered_at = now
        self._lost = ""
        self._said = ""
        self._paused = False
        self._trace: TraceFile | None = None
        self._chance = random.Random()
        # Held by the loop for one step; snapshots are kept apart, so that none waits for a server.
        self._step_lock = threading.Lock()
        self._kept = self._observed.snapshot(now)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Look once at all there is, then watch on a thread.

        Raises:
            ServerRefused: the server refuses a command that is needed.
        """
        for _ in range(_FIRST_STEPS):
            self.step()
        self._thread.start()

    def close(self) -> None:
        """End it, and close the connection and the recording."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._step_lock:
            self._end_recording()
            self._disconnect()

    def snapshot(self) -> WatchSnapshot:
        """Return what is known."""
        kept, now = self._kept, self._clock()
        trace = self._trace
        return replace(
            kept,
            at=wall_seconds(),
            paused=self._paused,
            lost=self._lost,
            lost_seconds=now - self._answered_at if self._lost else 0.0,
            recording=None if trace is None else trace.state,
            said=self._said,
        )

    def toggle_pause(self) -> None:
        """Ask nothing any more, or go on."""
        self._paused = not self._paused

    def record(self, path: Path) -> None:
        """Write what MONITOR shows from now on to a new file.

        Raises:
            TraceFileError: the file cannot be made.
        """
        with self._step_lock:
            self._end_recording()
            self._trace = TraceFile(path)

    def stop_recording(self) -> None:
        """End the recording, if there is one."""
        with self._step_lock:
            self._end_recording()

    def step(self) -> float:
        """Do what is due now, and return in how many seconds something is due again.

        Raises:
            ServerRefused: the server refuses what it has allowed before.
        """
        with self._step_lock:
            try:
                if self._paused:
                    return LOOK_SECONDS / 4
                if self._server is None:
                    return self._reconnect()
                wait = self._ask(self._server)
            except ServerUnreachable as error:
                self._lose(str(error))
                return _FIRST_RETRY
            self._answered_at = self._clock()
            self._kept = self._observed.snapshot(self._answered_at)
            return wait

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                wait = self.step()
            except CachedeskError as error:
                # What was allowed is refused now; it may be allowed again.
                self._lose(str(error))
                wait = _LAST_RETRY
            self._over.wait(wait)

    def _ask(self, server: WatchedServer) -> float:
        now = self._clock()
        waits = [self._look_at - now]
        if waits[0] <= 0:
            self._observed.take_figures(server.figures())
            self._look_at = now + LOOK_SECONDS
            self._pay(server)
            return 0.0
        keys_wait = max(self._pass_at - now, self._for_keys.wait(0.0, now))
        # Where there is money for both all the time, they take turns.
        if self._monitor and not (self._keys_next and keys_wait <= 0):
            wait = max(self._window_at - now, self._for_monitor.wait(self._window_price(), now))
            if wait <= 0:
                self._open_window(server)
                self._keys_next = True
                return 0.0
            waits.append(wait)
        self._keys_next = False
        if keys_wait <= 0:
            self._look_at_keys(server)
            return 0.0
        return max(0.0, min(keys_wait, *waits))

    def _window_price(self) -> float:
        cost = self._observed.monitor_cost
        if not cost.windows:
            # The first one is short, and paid for afterwards: what it costs is not known before.
            return 0.0
        plan = next_window(cost.windows)
        return (plan.seconds + plan.tail_seconds) * cost.share

    def _open_window(self, server: WatchedServer) -> None:
        plan = next_window(self._observed.monitor_cost.windows)
        most = max(10, round(plan.seconds * _PROBES_PER_SECOND))
        window = server.monitor(plan, ProbeChooser(server.database, most, self._chance))
        self._observed.take_window(window)
        self._pay(server, self._for_monitor)
        self._window_at = self._clock() + least_pause(window.seconds, self._budget)
        if self._trace is not None:
            try:
                self._trace.add(lines_of_others(window))
            except TraceFileError as error:
                self._said = str(error)
                self._trace = None

    def _look_at_keys(self, server: WatchedServer) -> None:
        page = server.scan(self._cursor, SCAN_KEYS)
        self._observed.take_page(page, server.sizes(page.keys))
        self._cursor = page.cursor
        if not page.cursor:
            self._pass_at = self._clock() + PASS_PAUSE_SECONDS
        self._pay(server)

    def _pay(self, server: WatchedServer, account: Account | None = None) -> None:
        self._observed.take_calls(server.calls())
        spent = self._observed.calls_seconds
        (account or self._for_keys).pay(max(0.0, spent - self._paid_calls))
        self._paid_calls = spent
        # What the first windows cost is known better afterwards: then some of it is paid back.
        monitor = self._observed.monitor_cost.spent
        self._for_monitor.pay(monitor - self._paid_monitor)
        self._paid_monitor = monitor

    def _reconnect(self) -> float:
        now = self._clock()
        if now < self._retry_at:
            return self._retry_at - now
        try:
            self._server = self._connect()
        except (ServerUnreachable, ServerRefused) as error:
            self._lost = str(error)
            self._retry_pause = min(_LAST_RETRY, 2 * self._retry_pause)
            self._retry_at = self._clock() + self._retry_pause
            return self._retry_pause
        self._lost, self._retry_pause, self._cursor = "", _FIRST_RETRY, 0
        self._observed.begin_connection()
        now = self._clock()
        self._answered_at = self._look_at = now
        self._for_monitor.restart(now)
        self._for_keys.restart(now)
        return 0.0

    def _lose(self, why: str) -> None:
        self._lost = why
        self._disconnect()
        self._retry_at = self._clock() + self._retry_pause

    def _disconnect(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _end_recording(self) -> None:
        trace, self._trace = self._trace, None
        if trace is not None:
            try:
                trace.close()
            except TraceFileError as error:
                self._said = str(error)
