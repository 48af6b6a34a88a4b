"""The mixed workload: eight clients with the desk open and closed, each in a separate process.

The desk is drawn into a real pseudo-terminal, whose output is read as a terminal would.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

from cachedesk.lab.bench.rivals import LIMIT, OURS, Result, Row, by_turns
from cachedesk.lab.bench.rounds import Effort
from cachedesk.lab.bench.workloads import MIXED

_PROGRAM = "cachedesk.desk.modes.benchmark"
_SECONDS = 4.0
_QUICK_SECONDS = 1.0
_MOST_SECONDS = 60.0
_ROWS, _COLUMNS = 40, 120


def mixed(folder: Path, effort: Effort, stepped: Callable[[], object]) -> Row:
    """Return the row: "ours" is with the desk open, the limit with it closed."""
    seconds = _SECONDS if effort.share >= 1 else _QUICK_SECONDS
    took: dict[str, list[float]] = {OURS: [], LIMIT: []}
    for number in range(effort.long_rounds):
        for name in by_turns(list(took), number):
            data = folder / f"mixed-{number}-{name}"
            took[name].append(1 / _throughput(data, seconds, is_open=name == OURS))
            stepped()
    return Row(MIXED, tuple(Result(name, tuple(each)) for name, each in took.items()))


def _throughput(data: Path, seconds: float, *, is_open: bool) -> float:
    """Return the operations per second of eight callers."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    reading_end, writing_end = os.pipe()
    watcher = threading.Thread(target=_discard_output, args=(ours,), daemon=True)
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                _PROGRAM,
                str(data),
                str(seconds),
                str(int(is_open)),
                str(writing_end),
            ],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            pass_fds=(writing_end,),
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        watcher.start()
        try:
            process.wait(_MOST_SECONDS + seconds)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    finally:
        os.close(theirs)
        os.close(writing_end)
        with open(reading_end, "rb") as pipe:
            answer = pipe.read()
        watcher.join(1)
        os.close(ours)
    if process.returncode or not answer:
        raise RuntimeError(f"the mixed workload ended with {process.returncode}")
    return float(json.loads(answer))


def _discard_output(terminal: int) -> None:
    """Read and discard what is drawn until the terminal is closed."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        # A pseudo-terminal raises an error when its other side is closed.
        return
