"""The driver of a pair: draws each operation once and sends it to both sides, at a pace.

What a side was sent and has not done is bounded for each client. While a client of either side has
no room, its operations are dropped for both, so that both always get the same traffic.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from cachedesk.core.policy import PolicyTable
from cachedesk.core.write_path import WritePath
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.operations import Operation
from cachedesk.lab.load.pace import Pace
from cachedesk.lab.versus.messages import Burst, frame
from cachedesk.lab.versus.side import Side

MOST_WAITING = 128
"""The most operations of a client that may wait on one side."""

_BURST = 256
_STEP_SECONDS = 0.01
_IDLE_SECONDS = 0.25


class PairDriver:
    """Drives both sides. ``start`` it when both are open, then ``stop`` it.

    Args:
        sides: the sides; one that has ended is left out.
        operations: the operations; after their end nothing is sent.
        load: the clients of each side, and the rate.
        policies: tell which keys are written through; a quarter of the clients has those, so that
            the others continue while these wait for the database.
        room: the condition that the sides share.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        operations: Iterator[Operation],
        load: Load,
        *,
        policies: PolicyTable,
        room: threading.Condition,
    ) -> None:
        self._sides = sides
        self._operations = operations
        self._clients = load.clients
        self._policies = policies
        self._changed = room
        self._stopping = False
        self._holders = 0
        self.rate = load.rate
        self.sent = 0
        """The operations that were sent."""
        self.dropped = 0
        """The operations that were dropped because a side had no room."""
        self._thread = threading.Thread(target=self._run, name="pair-driver", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def set_rate(self, rate: float | None) -> None:
        """Change the rate at once; ``None``: no limit."""
        with self._changed:
            self.rate = rate
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop, and wait for the end of the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def held(self, seconds: float) -> Iterator[bool]:
        """Send nothing during the ``with`` block, which begins when both sides have done all that
        they were sent, or after ``seconds``; whether they have is its value."""
        with self._changed:
            self._holders += 1
            aligned = self._changed.wait_for(self._is_idle, seconds)
        try:
            yield aligned
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    def busy_clients(self) -> frozenset[int]:
        """Return the clients that have not done all that they were sent, on either side."""
        with self._changed:
            return frozenset(
                client
                for side in self._live()
                for client, count in enumerate(side.waiting)
                if count
            )

    def client_of(self, key: bytes) -> int:
        """Return the number of the client that has ``key`` on both sides."""
        number, apart = zlib.crc32(key), self._clients // 4
        if not apart:
            return number % self._clients
        if self._policies.of(key).path is WritePath.THROUGH:
            return number % apart
        return apart + number % (self._clients - apart)

    def _is_idle(self) -> bool:
        return not any(any(side.waiting) for side in self._live())

    def _live(self) -> list[Side]:
        return [side for side in self._sides if side.runs]

    def _run(self) -> None:
        with self._changed:
            pace = Pace(self.rate, time.monotonic())
            while not self._stopping:
                now = time.monotonic()
                if self.rate != pace.rate:
                    pace.change(self.rate, now)
                if self._holders or not self._live():
                    self._changed.wait(_IDLE_SECONDS)
                    continue
                due = pace.due(now, _BURST)
                if due > 0:
                    self._send(due)
                pause = _STEP_SECONDS if self.rate is None else pace.next_at() - time.monotonic()
                self._wait(max(_STEP_SECONDS, min(_IDLE_SECONDS, pause)))

    def _wait(self, seconds: float) -> None:
        """Wait until then, whatever the sides report meanwhile: each report is no reason to send a
        burst of a single operation."""
        rate, until = self.rate, time.monotonic() + seconds
        while not (self._stopping or self._holders or self.rate != rate):
            left = until - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _send(self, due: int) -> None:
        """Send the next ``due`` operations; called with the lock."""
        live = self._live()
        burst = []
        for operation in islice(self._operations, due):
            client = self.client_of(operation.key)
            if any(side.waiting[client] >= MOST_WAITING for side in live):
                self.dropped += 1
                continue
            for side in live:
                side.waiting[client] += 1
            burst.append((client, operation))
        if burst:
            self.sent += len(burst)
            data = frame(Burst(tuple(burst)))
            for side in live:
                side.send(data)
