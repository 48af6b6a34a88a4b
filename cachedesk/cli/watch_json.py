"""A snapshot of a watch as a JSON object, for scripts."""

from __future__ import annotations

from cachedesk.console.output import json_text
from cachedesk.watch.snapshot import PatternRow, WatchSnapshot


def as_json(snapshot: WatchSnapshot) -> dict[str, object]:
    """Return ``snapshot`` as JSON values; ``None`` is what is not known."""
    figures, last = snapshot.figures, snapshot.history[-1] if snapshot.history else None
    return {
        "server": None
        if figures is None
        else {
            "address": snapshot.address,
            "product": figures.product,
            "version": figures.version,
            "mode": figures.mode,
            "role": figures.role,
            "uptime_seconds": figures.uptime_seconds,
            "clients": figures.clients,
            "keys": figures.keys,
            "memory_bytes": figures.memory_bytes,
            "dataset_bytes": figures.dataset_bytes,
            "maxmemory_bytes": figures.maxmemory_bytes,
            "eviction_policy": figures.eviction_policy,
        },
        "seconds": round(snapshot.seconds, 3),
        "hit_rate": _rounded(snapshot.hit_rate),
        "per_second": None
        if last is None
        else {
            "commands": _rounded(last.commands, 1),
            "hits": _rounded(last.hits, 1),
            "misses": _rounded(last.misses, 1),
            "evicted": _rounded(last.evicted, 2),
            "expired": _rounded(last.expired, 2),
        },
        "prefixes": [_row(row) for row in _ordered(snapshot)],
        "monitor": None
        if not snapshot.monitor
        else {
            "windows": snapshot.load.windows,
            "seconds": round(snapshot.monitored_seconds, 3),
            "reads": snapshot.reads_seen,
            "server_hit_rate": _rounded(snapshot.server_hit_rate),
        },
        "memory_sample": {
            "keys": snapshot.memory.sampled,
            "of": snapshot.memory.of,
            "complete": snapshot.memory.complete,
        },
        "hot_keys": [
            {"key": json_text(hot.key), "per_second": _rounded(hot.uses_per_second, 2)}
            for hot in snapshot.hot[:20]
        ],
        "big_keys": [
            {"key": json_text(big.key), "bytes": big.size} for big in snapshot.memory.biggest[:20]
        ],
        "restart": _restart(snapshot),
        "load": {
            "share": _rounded(snapshot.load.share, 6),
            "budget": snapshot.load.budget,
            "seconds": {name: round(spent, 6) for name, spent in snapshot.load.spent},
            "monitor_seconds": round(snapshot.load.window_seconds, 3),
        },
        "lost": snapshot.lost or None,
        "recording": None
        if snapshot.recording is None
        else {
            "file": snapshot.recording.path,
            "lines": snapshot.recording.lines,
            "bytes": snapshot.recording.size,
        },
    }


def _ordered(snapshot: WatchSnapshot) -> list[PatternRow]:
    return sorted(
        snapshot.patterns,
        key=lambda row: (-row.reads_per_second, -(row.memory.size if row.memory else 0)),
    )


def _row(row: PatternRow) -> dict[str, object]:
    rate, memory = row.rate, row.memory
    return {
        "prefix": json_text(row.pattern),
        "reads_per_second": _rounded(row.reads_per_second, 2),
        "reads_seen": 0 if rate is None else rate.reads,
        "hit_rate": None if rate is None else _rounded(rate.hit_rate),
        "hit_rate_95": None if rate is None else [_rounded(rate.low), _rounded(rate.high)],
        "certain": None if rate is None else _rounded(rate.certain, 3),
        "keys": None if memory is None else round(memory.keys),
        "keys_error_95": None if memory is None else round(memory.keys_error),
        "bytes": None if memory is None else round(memory.size),
        "bytes_error_95": None if memory is None else round(memory.size_error),
    }


def _restart(snapshot: WatchSnapshot) -> dict[str, object] | None:
    cost = snapshot.restart
    if cost is None:
        return None
    return {
        "hits_per_second": _rounded(cost.hits_per_second, 1),
        "misses_first_minute": round(cost.first_minute),
        "misses_first_minute_most": round(cost.first_minute_most),
        "warm_seconds": _rounded(cost.warm_seconds, 1),
        "misses_until_warm": round(cost.until_warm),
        "misses_until_warm_most": round(cost.until_warm_most),
        "keys": cost.keys,
    }


def _rounded(value: float | None, places: int = 4) -> float | None:
    return None if value is None else round(value, places)
