"""What a watch shows at one moment, as one frozen value for the screen and for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cachedesk.core.watched_server import ServerFigures
from cachedesk.watch.hit_rates import PatternRate
from cachedesk.watch.memory_sample import MemoryByPattern, PatternMemory
from cachedesk.watch.own_load import OwnLoad
from cachedesk.watch.recent import Rates
from cachedesk.watch.restart_cost import RestartCost

NO_MEMORY, NO_LOAD = MemoryByPattern(), OwnLoad()


@dataclass(frozen=True, slots=True)
class HotKey:
    """A key that is used a lot; reads and writes per second."""

    key: bytes
    uses_per_second: float


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One pattern: what is known of its reads, and of its memory."""

    pattern: bytes
    rate: PatternRate | None = None
    reads_per_second: float = 0.0
    memory: PatternMemory | None = None


@dataclass(frozen=True, slots=True)
class RecordingState:
    """Where the sampled MONITOR goes, and how many lines and bytes are there."""

    path: str
    lines: int
    size: int


@dataclass(frozen=True, slots=True)
class WatchSnapshot:
    """What is known of a watched server.

    Attributes:
        address: of the server, without a password.
        at: wall time, seconds since 1970.
        seconds: how long it is watched.
        figures: the newest; ``None`` before the first.
        history: rates from look to look, the oldest first.
        hit_rate: over all the time that it is watched, 0 to 1; ``None`` without a read.
        patterns: rows, in no order.
        reads_seen: reads in windows of MONITOR; ``monitored_seconds``: how long those were.
        server_hit_rate: what the server counted in those windows.
        memory: what SCAN has told.
        hot: the most used keys first.
        restart: what one would cost.
        load: what watching costs.
        monitor: MONITOR is used.
        paused: nothing is asked just now.
        lost: why there is no answer; empty while there is. ``lost_seconds``: since when.
        recording: where the sampled commands go; ``None``: nowhere.
        said: the newest thing to tell the user.
    """

    address: str
    at: float = 0.0
    seconds: float = 0.0
    figures: ServerFigures | None = None
    history: tuple[Rates, ...] = ()
    hit_rate: float | None = None
    patterns: tuple[PatternRow, ...] = ()
    reads_seen: int = 0
    monitored_seconds: float = 0.0
    server_hit_rate: float | None = None
    memory: MemoryByPattern = NO_MEMORY
    hot: tuple[HotKey, ...] = ()
    restart: RestartCost | None = None
    load: OwnLoad = NO_LOAD
    monitor: bool = True
    paused: bool = False
    lost: str = ""
    lost_seconds: float = 0.0
    recording: RecordingState | None = None
    said: str = ""


def rows(
    rates: Mapping[bytes, PatternRate], memory: MemoryByPattern, monitored_seconds: float
) -> tuple[PatternRow, ...]:
    """Return a row for each pattern that was read, or that has keys.

    Args:
        rates: by pattern.
        memory: by pattern, as it was sampled.
        monitored_seconds: how long reads were counted.
    """
    sizes = {each.pattern: each for each in memory.patterns}
    names = dict.fromkeys((*rates, *sizes))
    return tuple(
        PatternRow(
            name,
            rates.get(name),
            rates[name].reads / monitored_seconds if name in rates and monitored_seconds else 0.0,
            sizes.get(name),
        )
        for name in names
    )
