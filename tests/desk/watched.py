"""What the screen of a watched server shows in tests: fixed snapshots, and a watcher of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cachedesk.core.watched_server import ServerFigures
from cachedesk.watch.hit_rates import PatternRate
from cachedesk.watch.memory_sample import BigKey, MemoryByPattern, PatternMemory
from cachedesk.watch.own_load import OwnLoad
from cachedesk.watch.recent import Rates
from cachedesk.watch.restart_cost import RestartCost
from cachedesk.watch.snapshot import HotKey, PatternRow, RecordingState, WatchSnapshot

Pair = tuple[float, float]
MONITORED_SECONDS = 9.3
"""How long the windows of MONITOR were in all."""
KEYS = 41_250


def _row(name: bytes, reads: float, rate: Pair, keys: int, size: float) -> PatternRow:
    share, half = rate
    found = PatternRate(
        name, round(reads * MONITORED_SECONDS), share, max(0, share - half), min(1, share + half),
        0.7, 40,
    )  # fmt: skip
    memory = PatternMemory(name, keys, keys * 0.04, size, size * 0.05)
    return PatternRow(name, found, reads, memory)


def _silent_row(name: bytes, keys: int, size: float) -> PatternRow:
    """Return the row of a pattern without reads."""
    return PatternRow(name, memory=PatternMemory(name, keys, keys * 0.25, size, size * 0.1))


_ROWS = (
    _row(b"article:*", 774, (0.988, 0.009), 8_900, 3_100_000),
    _row(b"session:*", 224, (0.995, 0.011), 4_000, 116_000),
    _row(b"flag:*", 209, (0.214, 0.044), 30, 1_900),
    _silent_row(b"views:article:*", 500, 35_200),
    _silent_row(b"\xffodd\x1b:*", 12, 900),
)
ROWS = (
    # All other keys.
    _row(b"user:*:profile", 383, (0.743, 0.031),
         KEYS - sum(int(row.memory.keys) for row in _ROWS if row.memory), 1_420_000),
    *_ROWS,
)  # fmt: skip
BIG = tuple(BigKey(b"article:%d" % (7_130 + it), 90_000 - 7_000 * it) for it in range(9))
READS = sum(row.reads_per_second for row in ROWS)
HITS = sum(row.reads_per_second * row.rate.hit_rate for row in ROWS if row.rate)
FIGURES = ServerFigures(
    at=100.0, version="7.2.4", uptime_seconds=93_784, memory_bytes=5_242_000,
    maxmemory_bytes=5_242_880, eviction_policy="allkeys-lru", clients=14, keys=KEYS,
)  # fmt: skip
HISTORY = tuple(
    Rates(
        at=float(it), seconds=1.0, hits=HITS + 30 * (it % 7 - 3),
        misses=READS - HITS + 10 * (it % 5 - 2), commands=3_300 + 20 * (it % 9),
        evicted=float(it % 4), expired=20.0 + it % 13, cpu_share=0.06,
    )
    for it in range(75)
)  # fmt: skip
HEALTHY = WatchSnapshot(
    "redis://cache.example:6379",
    at=1_764_000_000.0,
    seconds=75.0,
    figures=FIGURES,
    history=HISTORY,
    hit_rate=sum(one.hits for one in HISTORY) / sum(one.hits + one.misses for one in HISTORY),
    patterns=ROWS,
    reads_seen=sum(row.rate.reads for row in ROWS if row.rate),
    monitored_seconds=MONITORED_SECONDS,
    server_hit_rate=HITS / READS,
    memory=MemoryByPattern(6_200, KEYS, False, (), BIG),
    hot=tuple(HotKey(b"article:%d" % it, 200.0 / (it + 1)) for it in range(9)),
    restart=RestartCost(HITS, 3_234.0, 4_463.0, 6.85, 2_276.0, 3_004.0, KEYS),
    load=OwnLoad(
        75.0,
        (("INFO", 0.027), ("MEMORY USAGE", 0.31), ("SCAN", 0.12), ("MONITOR", 0.24)),
        0.01, 37, MONITORED_SECONDS, 0.026,
    ),
)  # fmt: skip
SCENES = {
    "healthy": HEALTHY,
    "lost": replace(HEALTHY, lost="no answer from redis://cache.example:6379", lost_seconds=12.4),
    "paused": replace(HEALTHY, paused=True),
    "no-monitor": replace(
        HEALTHY,
        monitor=False,
        patterns=tuple(PatternRow(it.pattern, memory=it.memory) for it in ROWS),
        reads_seen=0,
        monitored_seconds=0.0,
        server_hit_rate=None,
        hot=(),
        restart=None,
        load=OwnLoad(75.0, (("INFO", 0.027), ("MEMORY USAGE", 0.31), ("SCAN", 0.41)), 0.01),
    ),
    "recording": replace(
        HEALTHY, recording=RecordingState("/data/recordings/watch-001.txt", 1229, 88_000)
    ),
    "empty": WatchSnapshot("valkey://localhost:6379"),
}  # fmt: skip


class FixedWatcher:
    """Shows what it is given, and remembers what was asked of it."""

    def __init__(self, shown: WatchSnapshot = HEALTHY) -> None:
        self.shown = shown
        self.recorded: list[Path] = []

    def snapshot(self) -> WatchSnapshot:
        return self.shown

    def toggle_pause(self) -> None:
        self.shown = replace(self.shown, paused=not self.shown.paused)

    def record(self, path: Path) -> None:
        self.recorded.append(path)
        self.shown = replace(self.shown, recording=RecordingState(str(path), 0, 0))

    def stop_recording(self) -> None:
        self.shown = replace(self.shown, recording=None)
