"""The clients of one side: each does the operations that it is fed, in order, on its own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from cachedesk.core.errors import Closed
from cachedesk.lab.load.client import Client, Target
from cachedesk.lab.load.operations import Operation


class FedClients:
    """The clients of one side. The feeder bounds what waits in their queues.

    Args:
        target: the stack, its ledger and the callbacks.
        count: the number of clients.
        on_done: called with a client's number and the operations that it has ended since.
        on_failure: called with an error that a client must not raise; its queue is then dropped.
    """

    def __init__(
        self,
        target: Target,
        count: int,
        on_done: Callable[[int, int], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._target = target
        self._on_done = on_done
        self._on_failure = on_failure
        self._queues: list[SimpleQueue[list[Operation] | None]] = [
            SimpleQueue() for _ in range(count)
        ]
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), name="client", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def feed(self, operations: Iterable[tuple[int, Operation]]) -> None:
        """Give each operation to the client of its number."""
        bursts: dict[int, list[Operation]] = {}
        for number, operation in operations:
            bursts.setdefault(number, []).append(operation)
        for number, burst in bursts.items():
            self._queues[number].put(burst)

    def finish(self) -> None:
        """Stop: current operations are ended, queued ones are dropped. Waits for every thread."""
        self._target.stopping.set()
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, number: int) -> None:
        client, queue = Client(self._target), self._queues[number]
        while (burst := queue.get()) is not None:
            try:
                self._do(client, burst)
            except Closed:
                return
            except BaseException as error:  # noqa: BLE001 - reported to the pair, which shows it
                self._on_failure(error)
                return
            self._on_done(number, len(burst))

    def _do(self, client: Client, burst: Iterable[Operation]) -> None:
        for operation in burst:
            if self._target.stopping.is_set():
                return
            client.do(operation)
