"""Ways to watch a running session: a line per second, or nothing. ``bar`` draws a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachedesk.lab.load.tally import Tally
from cachedesk.lab.run.session import Session
from cachedesk.lab.run.stat import LINES_PER_HEADER, header, line

_LINE_SECONDS = 1.0

Watch = Callable[[Session], None]


def wait(session: Session) -> None:
    """Wait for the end of the load and show nothing."""
    session.driver.wait()


def stat(session: Session) -> None:
    """Wait for the end of the load and print a line per second."""
    before, at, lines = Tally(), time.monotonic(), 0
    due = at
    while True:
        due += _LINE_SECONDS
        ended = session.driver.wait(max(0.0, due - time.monotonic()))
        if lines % LINES_PER_HEADER == 0:
            print(header(), flush=True)
        now, then = session.driver.tally(), at
        at = time.monotonic()
        seen = session.stack.snapshot(hot_values=False)
        print(line(seen, now, before, at - then), flush=True)
        before, lines = now, lines + 1
        if ended:
            return
