"""Creates a data directory whose stack was killed with a backlog; run as a program, it is that
stack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.lab.bench.fixtures import MANY, Fixtures, drawn
from cachedesk.stack.stack import Stack

KEYS = Fixtures(b"dead").drained

_PENDING = "pending"


def make(folder: Path, events: int) -> Path:
    """Return a data directory in ``folder`` whose stack was killed with ``events`` pending events,
    written a hundred at a time.

    Raises:
        RuntimeError: the stack ended before it could be killed.
    """
    data = folder / "dead"
    made = subprocess.run(
        [sys.executable, "-m", __name__, str(data), str(events)], capture_output=True, text=True
    )
    if made.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the stack ended before it could be killed: {made.stderr[-400:]}")
    (folder / _PENDING).write_text(str(events))
    return data


def pending_in(data: Path) -> int:
    """Return the number of events that were pending when the stack was killed."""
    return int((data.parent / _PENDING).read_text())


def clear_up(data: Path) -> None:
    """Remove what the killed stack left outside ``data``, by opening and closing a new one."""
    Stack(data).layer.close()


def _die(data: Path, events: int) -> None:
    # No batch is ever due, so that nothing is flushed.
    never = WorkerSettings(batch_events=1_000_000, batch_age_seconds=3600)
    cache = Stack(data, Settings(worker=never)).layer
    keys = drawn(KEYS, events - 1)
    cache.incr(KEYS[0])
    for start in range(0, len(keys), MANY):
        cache.write_many([("incr", key, 1) for key in keys[start : start + MANY]])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _die(Path(sys.argv[1]), int(sys.argv[2]))
