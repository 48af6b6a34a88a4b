"""The survey: what must agree in a snapshot is of one instant."""

from __future__ import annotations

import threading

from cachedesk.core.commands import PauseWorker
from cachedesk.stack.stack import Stack


def test_the_books_and_the_log_are_of_one_instant_while_writes_go_on(stack: Stack) -> None:
    stack.perform(PauseWorker())
    written, done = threading.Event(), threading.Event()

    def write() -> None:
        while not done.is_set():
            stack.layer.incr("views:1")
            written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(60)
        seen = [stack.snapshot() for _ in range(40)]
    finally:
        done.set()
        writer.join()
    assert seen[0].books.pending < seen[-1].books.pending, "writes went on"
    # Nothing is acked and nothing absorbed: all that the log holds is pending.
    assert [one.log.depth for one in seen] == [one.books.pending for one in seen]
