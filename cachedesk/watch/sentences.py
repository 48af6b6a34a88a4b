"""What a watch comes to, in sentences and rows of plain text."""

from __future__ import annotations

from collections.abc import Iterator

from cachedesk.core.printable import safe
from cachedesk.core.wording import NOTHING, count_of, number, span
from cachedesk.watch.hit_rates import PatternRate
from cachedesk.watch.snapshot import PatternRow, WatchSnapshot

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_LONGEST_KEY = 60
_MOST_ROWS = 30

WITHOUT_MONITOR = (
    "Without MONITOR the hit rate by prefix, the hot keys and the cost of a restart are not known."
)


def server_sentence(snapshot: WatchSnapshot) -> str:
    """Return what the server is, in one line."""
    figures = snapshot.figures
    if figures is None:
        return snapshot.address
    parts = [
        f"{figures.product} {figures.version}",
        "replica" if figures.role == "slave" else "",
        "one node of a cluster" if figures.mode == "cluster" else "",
        memory_words(snapshot),
        count_of(figures.keys, "key"),
        count_of(figures.clients, "client"),
    ]
    return f"{snapshot.address}: " + ", ".join(filter(None, parts))


def memory_words(snapshot: WatchSnapshot) -> str:
    """Return how much memory is used, of how much."""
    figures = snapshot.figures
    if figures is None:
        return NOTHING
    if not figures.maxmemory_bytes:
        return f"{size(figures.memory_bytes)}, no limit"
    limit = size(figures.maxmemory_bytes)
    return f"{size(figures.memory_bytes)} of {limit} ({figures.eviction_policy})"


def load_sentence(snapshot: WatchSnapshot) -> str:
    """Return what watching costs the server."""
    load = snapshot.load
    parts = [
        f"{name} {100 * spent / load.seconds:.2f}" for name, spent in load.spent if load.seconds > 0
    ]
    text = load_in_short(snapshot)
    return f"{text}: {', '.join(parts)}" if parts else text


def load_in_short(snapshot: WatchSnapshot) -> str:
    """Return what watching costs the server, without what each command takes of it."""
    load = snapshot.load
    budget = f"budget {100 * load.budget:g} %"
    return f"watching takes {share(load.share)} of the server's time ({budget})"


def monitor_sentence(snapshot: WatchSnapshot) -> str:
    """Return how much of the traffic MONITOR has shown, and whether it fits the server's count."""
    if not snapshot.monitor:
        return WITHOUT_MONITOR
    load = snapshot.load
    text = (
        f"{number(snapshot.reads_seen)} reads seen in {count_of(load.windows, 'window')}"
        f" of MONITOR, {span(load.window_seconds)} in all"
    )
    if snapshot.server_hit_rate is None:
        return text
    return f"{text}; the server counted {share(snapshot.server_hit_rate)} hits in them"


def restart_sentence(snapshot: WatchSnapshot) -> str:
    """Return what a restart with an empty cache would cost."""
    cost = snapshot.restart
    if not snapshot.monitor:
        return "not known without MONITOR"
    if cost is None:
        return "not known yet: no read was seen that hit"
    now = f"{number(cost.hits_per_second)} hits/s become misses"
    minute = between(cost.first_minute, cost.first_minute_most)
    if cost.warm_seconds is None:
        return f"{now}; {minute} more misses in a minute; not warm within a day"
    until = between(cost.until_warm, cost.until_warm_most)
    return (
        f"{now}; {minute} more misses in a minute;"
        f" nine of ten hits are back after {span(cost.warm_seconds)} ({until} misses)"
    )


def between(low: float, high: float) -> str:
    """Return two estimates as one phrase: ``1,200 to 3,400``."""
    least, most = number(min(low, high)), number(max(low, high))
    return least if least == most else f"{least} to {most}"


def lines(snapshot: WatchSnapshot) -> Iterator[str]:
    """Yield all of it as text, a line at a time."""
    last = snapshot.history[-1] if snapshot.history else None
    yield server_sentence(snapshot)
    overall = NOTHING if snapshot.hit_rate is None else share(snapshot.hit_rate)
    yield f"  hit rate   {overall} in {span(snapshot.seconds)}"
    if last is not None:
        yield (
            f"  per second {number(last.commands)} commands, {last.evicted:,.1f} evicted,"
            f" {last.expired:,.1f} expired"
        )
    yield f"  load       {load_sentence(snapshot)}"
    yield f"  sample     {monitor_sentence(snapshot)}"
    memory = snapshot.memory
    seen = (
        "all keys" if memory.complete else f"{number(memory.sampled)} of {number(memory.of)} keys"
    )
    yield f"  memory     of {seen}"
    yield f"  restart    {restart_sentence(snapshot)}"
    yield ""
    yield f"{'prefix':<34}{'reads/s':>9}{'hit rate':>18}{'keys':>16}{'memory':>22}"
    rows = sorted(snapshot.patterns, key=_by_use)
    yield from map(_row, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        yield f"… and {count_of(len(rows) - _MOST_ROWS, 'more prefix')}es"
    if snapshot.hot:
        yield ""
        yield "hot keys: " + ", ".join(
            f"{safe(hot.key, _LONGEST_KEY)} {hot.uses_per_second:,.0f}/s"
            for hot in snapshot.hot[:8]
        )
    if memory.biggest:
        yield "big keys: " + ", ".join(
            f"{safe(big.key, _LONGEST_KEY)} {size(big.size)}" for big in memory.biggest[:8]
        )


def rate_words(rate: PatternRate | None) -> str:
    """Return a hit rate with its uncertainty: ``93.1 ± 0.8 %``."""
    if rate is None:
        return NOTHING
    half = 100 * (rate.high - rate.low) / 2
    return f"{100 * rate.hit_rate:.1f} ± {half:.1f} %"


def estimate_words(value: float, error: float) -> str:
    """Return an estimated number: ``1,234 ± 56``."""
    return number(value) if error < 0.5 else f"{number(value)} ± {number(error)}"


def size_words(value: float, error: float) -> str:
    """Return an estimated size: ``1.23 MiB ± 4 %``."""
    if value <= 0 or error / value < 0.005:
        return size(value)
    return f"{size(value)} ± {100 * error / value:.0f} %"


def size(count: float) -> str:
    """Return bytes with a binary unit."""
    index = 0
    while abs(count) >= 999.5 and index < len(UNITS) - 1:
        count /= 1024
        index += 1
    places = 0 if index == 0 or count >= 99.95 else 1 if count >= 9.995 else 2
    return f"{count:,.{places}f} {UNITS[index]}"


def share(value: float) -> str:
    """Return a share in percent, small ones in more detail: ``0.32 %``, ``93.1 %``."""
    percent = 100 * value
    places = 0 if percent in (0, 100) else 1 if percent >= 9.95 else 2
    return f"{percent:.{places}f} %"


def _by_use(row: PatternRow) -> tuple[float, float]:
    return -row.reads_per_second, -(row.memory.size if row.memory else 0.0)


def _row(row: PatternRow) -> str:
    memory = row.memory
    reads = NOTHING if row.rate is None else f"{row.reads_per_second:,.1f}"
    keys = NOTHING if memory is None else estimate_words(memory.keys, memory.keys_error)
    taken = NOTHING if memory is None else size_words(memory.size, memory.size_error)
    name = safe(row.pattern, 33) or '""'
    return f"{name:<34}{reads:>9}{rate_words(row.rate):>18}{keys:>16}{taken:>22}"
