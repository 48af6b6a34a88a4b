"""Ctrl-C at any moment, thousands of times: the stack goes on, and closes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

INTERRUPTS = 1_000

SCRIPT = """
import random, signal, sys
import cachedesk

dice = random.Random(1)
cache = cachedesk.open(sys.argv[1])
acknowledged = interrupts = 0

while interrupts < int(sys.argv[2]):
    try:
        signal.setitimer(signal.ITIMER_REAL, dice.uniform(0.0002, 0.003))
        while True:
            cache.get("views:a")
            value = cache.incr("views:a")
    except KeyboardInterrupt:
        interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
assert cache.incr("views:a") > value
cache.drain(60)
books = cache.snapshot().books
assert books.balanced and not books.pending, books
cache.close()
"""


def test_no_interrupt_leaves_a_lock_behind(tmp_path: Path) -> None:
    prelude = "import signal\ndef stop(*_):\n    raise KeyboardInterrupt\n"
    prelude += "signal.signal(signal.SIGALRM, stop)\n"
    ended = subprocess.run(
        [sys.executable, "-c", prelude + SCRIPT, str(tmp_path / "data"), str(INTERRUPTS)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
