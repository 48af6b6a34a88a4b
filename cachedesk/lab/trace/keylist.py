"""Keys, one per line: each is a read; a random share of them becomes increments."""

from __future__ import annotations

import random
from collections.abc import Callable

from cachedesk.lab.trace.record import NOTHING, TraceRecord, add, get, record


def parser(share: float, seed: int) -> Callable[[bytes], TraceRecord]:
    """Return the parser of a line.

    Args:
        share: the share of lines that become increments, 0 to 1.
        seed: the random seed.
    """
    rng = random.Random(seed)

    def parse(line: bytes) -> TraceRecord:
        key = line.rstrip(b"\r\n")
        if not key:
            return NOTHING
        return record(None, add(key, 1) if share and rng.random() < share else get(key))

    return parse
