"""One line per second about a running session, in the format of ``redis-cli --stat``."""

from __future__ import annotations

from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import NOTHING, percent
from cachedesk.lab.load.tally import Tally

LINES_PER_HEADER = 20

_GROUPS = "------- data ------- ---------- load ----------- ------- write-behind -------"
_COLUMNS = "keys       mem      hit%   ops/s    ops          depth    lag      applied"


def header() -> str:
    """Return the two lines above the figures."""
    return f"{_GROUPS}\n{_COLUMNS}"


def line(snapshot: Snapshot, now: Tally, before: Tally, seconds: float) -> str:
    """Return one line.

    Args:
        snapshot: of the stack.
        now: the tally of the clients.
        before: their tally at the last line.
        seconds: the time since the last line.
    """
    done = now.done - before.done
    found = now.hits + now.misses - before.hits - before.misses
    hits = percent(now.hits - before.hits, found).removesuffix(" %")
    redis = snapshot.redis
    columns = (
        (f"{redis.keys}" if redis.known else NOTHING, 10),
        (memory(redis.memory_bytes) if redis.known else NOTHING, 8),
        (hits, 6),
        (f"{done / seconds:.0f}" if seconds else NOTHING, 8),
        (f"{now.done} (+{done})", 12),
        (f"{snapshot.log.depth}", 8),
        (f"{snapshot.log.oldest_seconds:.2f}s", 8),
        (f"{snapshot.books.applied}", 0),
    )
    return " ".join(f"{text:<{width}}" for text, width in columns)


def memory(size: int) -> str:
    """Return a size in the format of ``redis-cli --stat``: 1015.00K, 1.55M."""
    amount = float(size)
    for unit in ("B", "K", "M"):
        if amount < 1024:
            return f"{size}B" if unit == "B" else f"{amount:.2f}{unit}"
        amount /= 1024
    return f"{amount:.2f}G"
