"""The driver: distributes operations to clients, one thread each, at a pace, until it is stopped.

A key belongs to one client, so the order of each key's operations is kept and every read has one
right answer; with one client the order of the whole stream is kept. The number of operations that
are distributed and not yet done is bounded. No thread busy-waits: three that do would freeze a
screen (there is one interpreter lock).
"""

from __future__ import annotations

import itertools
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Queue

from cachedesk.core.errors import Closed
from cachedesk.core.wakeup import Wakeup
from cachedesk.core.write_path import WritePath
from cachedesk.lab.load.client import Client, Target
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.pace import Pace
from cachedesk.lab.load.tally import Tally, total
from cachedesk.lab.load.timetable import Timetable
from cachedesk.lab.trace.record import TraceError

_BURST = 64
_WAITING_BURSTS = 2
_SHORTEST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.01, 3600.0


@dataclass(frozen=True, slots=True)
class Load:
    """The number of client threads, the rate in operations per second, and the end: after ``ops``
    operations or ``seconds``, whichever comes first; ``None``: no limit."""

    clients: int = 1
    rate: float | None = None
    ops: int | None = None
    seconds: float | None = None


class Driver:
    """One run of a load. ``start`` it, ``wait`` for its end or ``stop`` it, then ``finish``."""

    def __init__(
        self,
        target: Target,
        operations: Iterable[Operation],
        load: Load,
        on_count: Callable[[int], None] | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        """Prepare the run; ``start`` starts it.

        Args:
            target: the stack, its ledger and the callbacks.
            operations: the operations; may be endless.
            load: clients, rate and end.
            on_count: called with 1, 2, 3 … as operations end; must be fast.
            on_stop: called when the run is to end, to stop a source that waits for input.
        """
        self._target = target
        self._timetable = operations if isinstance(operations, Timetable) else None
        self._operations = itertools.islice(operations, load.ops)
        self._load = load
        self._rate = load.rate
        self._on_count = on_count
        self._on_stop = on_stop
        # The assignment of keys to clients must not change with the rate, or the order of each key
        # would be lost.
        self._apart = load.clients // 4 if self._may_shed else 0
        # Set to wake the dealing thread.
        self._wakeup = Wakeup()
        self._shed = Tally()
        self._count = itertools.count(1)
        self._clients = [Client(target) for _ in range(load.clients)]
        self._queues: list[Queue[list[Operation] | None]] = [
            Queue(_WAITING_BURSTS) for _ in self._clients
        ]
        self._threads = [
            threading.Thread(target=self._serve, args=pair, name="client", daemon=True)
            for pair in zip(self._clients, self._queues, strict=True)
        ]
        self._dealer = threading.Thread(target=self._run, name="driver", daemon=True)
        self._timer: threading.Timer | None = None
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._began = self._ended_at = 0.0

    def start(self) -> None:
        """Start all threads."""
        self._began = time.monotonic()
        if self._on_stop is not None and self._load.seconds is not None:
            # The dealing thread may be waiting for input that does not come.
            self._timer = threading.Timer(self._load.seconds, self._on_stop)
            self._timer.daemon = True
            self._timer.start()
        for thread in self._threads:
            thread.start()
        self._dealer.start()

    @property
    def rate(self) -> float | None:
        """The target rate in operations per second; ``None``: no limit."""
        return self._rate

    def set_rate(self, rate: float | None) -> None:
        """Change the target rate in operations per second at once; ``None``: no limit."""
        self._rate = rate
        self._wakeup.set()

    def stop(self) -> None:
        """End soon: current operations are finished, queued ones are dropped."""
        self._target.stopping.set()
        self._wakeup.set()
        if self._on_stop is not None:
            self._on_stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to ``timeout`` seconds for the end of the load; return whether it came."""
        return self._ended.wait(timeout)

    @property
    def ended(self) -> bool:
        """Whether the load has ended."""
        return self._ended.is_set()

    def join(self) -> None:
        """Stop, and wait for every thread."""
        self.stop()
        if self._dealer.ident is not None:
            self._dealer.join()

    def finish(self) -> Tally:
        """Stop, wait for every thread, and return what was done.

        Raises:
            TraceError: an operation could not be read.
            GaveUp: a write was unavailable for too long.
            Exception: an error that the layer must not raise.
        """
        self.join()
        if self._failure is not None:
            raise self._failure
        return self.tally()

    def tally(self) -> Tally:
        """Return what was done so far."""
        return total([self._shed, *(client.tally for client in self._clients)])

    @property
    def seconds(self) -> float:
        """How long it has been driving, or drove."""
        if not self._began:
            return 0.0
        return (self._ended_at or time.monotonic()) - self._began

    @property
    def _may_shed(self) -> bool:
        # Independent visitors may be dropped under overload; a trace must be exact.
        return self._rate is not None and not self._target.patience_seconds

    def _run(self) -> None:
        try:
            self._deal()
        except TraceError as error:
            # The operations read until then are done.
            self._note(error)
        except Exception as error:  # noqa: BLE001 - raised again by ``finish``
            self._fail(error)
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()
        if self._timer is not None:
            self._timer.cancel()
        self._ended_at = time.monotonic()
        self._ended.set()

    def _deal(self) -> None:
        pace = Pace(self._rate, self._began)
        if self._timetable is not None:
            self._timetable.begin(self._began)
        table = self._timetable or pace
        most = _BURST * len(self._clients)
        until = self._began + self._load.seconds if self._load.seconds is not None else None
        while True:
            # Cleared before the checks, so that no later change is missed.
            self._wakeup.clear()
            if self._target.stopping.is_set():
                return
            now = time.monotonic()
            if until is not None and now >= until:
                self.stop()
                return
            if self._rate != pace.rate:
                pace.change(self._rate, now)
            due = table.due(now, most)
            if due <= 0:
                wake = table.next_at() if until is None else min(until, table.next_at())
                pause = max(_SHORTEST_WAIT_SECONDS, wake - now)
                self._wakeup.wait(min(_LONGEST_WAIT_SECONDS, pause))
            elif self._deal_burst(due) < due:
                return

    def _deal_burst(self, size: int) -> int:
        bursts: list[list[Operation]] = [[] for _ in self._clients]
        dealt = 0
        try:
            for operation in itertools.islice(self._operations, size):
                bursts[self._client_of(operation.key)].append(operation)
                dealt += 1
        finally:
            for queue, burst in zip(self._queues, bursts, strict=True):
                if burst and self._may_shed and queue.full():
                    self._shed.shed += len(burst)
                elif burst:
                    queue.put(burst)
        return dealt

    def _client_of(self, key: bytes) -> int:
        """Return the client that has ``key``. With a rate, a quarter of the clients has all
        write-through keys: while those wait for the database, the others continue."""
        clients, apart = len(self._clients), self._apart
        number = zlib.crc32(key)
        if not apart:
            return number % clients
        if self._target.layer.policy(key).path is WritePath.THROUGH:
            return number % apart
        return apart + number % (clients - apart)

    def _serve(self, client: Client, queue: Queue[list[Operation] | None]) -> None:
        # Until the end even when stopping: the dealing thread may be waiting for room.
        while (burst := queue.get()) is not None:
            for operation in burst:
                if self._target.stopping.is_set():
                    break
                try:
                    client.do(operation)
                except Closed:
                    self.stop()
                except BaseException as error:  # noqa: BLE001 - raised again by ``finish``
                    self._fail(error)
                if self._on_count is not None:
                    self._on_count(next(self._count))

    def _fail(self, error: BaseException) -> None:
        self._note(error)
        self.stop()

    def _note(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            self._target.on_failure(error)
