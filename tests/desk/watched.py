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

FIGURES = ServerFigures(
    at=100.0, version="7.2.4", uptime_seconds=93_784, memory_bytes=5_200_000,
    maxmemory_bytes=6_291_456, eviction_policy="allkeys-lru", clients=14, keys=41_250,
)  # fmt: skip


Pair = tuple[float, float]


def _row(name: str, reads: float, rate: Pair, kept: Pair) -> PatternRow:
    share, half = rate
    keys, size = kept
    found = PatternRate(
        name.encode(), round(reads * 8), share, max(0, share - half), min(1, share + half), 0.7, 40
    )
    memory = PatternMemory(name.encode(), keys, keys * 0.04, size, size * 0.05)
    return PatternRow(name.encode(), found, reads, memory)


BIG = tuple(BigKey(b"queue:mail:%d" % it, 90_000 - 7_000 * it) for it in range(9))
ROWS = (
    _row("article:*", 774, (0.988, 0.009), (8_900, 3_100_000)),
    _row("user:*:profile", 383, (0.743, 0.031), (28_000, 1_420_000)),
    _row("session:*", 224, (0.995, 0.011), (4_000, 116_000)),
    _row("flag:*", 209, (0.214, 0.044), (30, 1_900)),
    PatternRow(b"views:article:*", None, 0.0, PatternMemory(b"views:article:*", 500, 0, 35_200, 0)),
    PatternRow(b"\xffodd\x1b:*", None, 0.0, PatternMemory(b"\xffodd\x1b:*", 12, 3, 900, 100)),
)
HEALTHY = WatchSnapshot(
    "redis://cache.example:6379",
    at=1_764_000_000.0,
    seconds=75.0,
    figures=FIGURES,
    history=tuple(
        Rates(
            float(it), 1.0, 1400 + 90 * (it % 7), 200 + 40 * (it % 5), 3300 + 20 * (it % 9),
            float(it % 4), 20.0 + it % 13, 0.06,
        )
        for it in range(75)
    ),
    hit_rate=0.861,
    patterns=ROWS,
    reads_seen=12_720,
    monitored_seconds=7.4,
    server_hit_rate=0.859,
    memory=MemoryByPattern(6_200, 41_250, False, (), BIG),
    hot=tuple(HotKey(b"article:%d" % it, 300.0 / (it + 1)) for it in range(9)),
    restart=RestartCost(1_450.0, 3_234.0, 4_463.0, 6.85, 2_276.0, 3_004.0, 41_250),
    load=OwnLoad(
        75.0,
        (("INFO", 0.027), ("MEMORY USAGE", 0.31), ("SCAN", 0.12), ("MONITOR", 0.24)),
        0.01, 37, 9.3, 0.026,
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
        hot=(),
        restart=None,
        load=OwnLoad(75.0, (("INFO", 0.027), ("MEMORY USAGE", 0.31), ("SCAN", 0.52)), 0.01),
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
