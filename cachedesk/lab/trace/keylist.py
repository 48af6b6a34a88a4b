"""Keys, one a line: each is a read; a share of them is turned into increments, by seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from cachedesk.lab.trace.record import NOTHING, Record, add, get, record


def parser(share: float, seed: int) -> Callable[[bytes], Record]:
    """Return what reads a line.

    Args:
        share: of the lines that are increments, 0 to 1.
        seed: what they are drawn from.
    """
    rng = random.Random(seed)

    def parse(line: bytes) -> Record:
        key = line.rstrip(b"\r\n")
        if not key:
            return NOTHING
        return record(None, add(key, 1) if share and rng.random() < share else get(key))

    return parse
