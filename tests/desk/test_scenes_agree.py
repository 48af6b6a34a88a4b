"""The made scenes agree with themselves: else a fault of a picture may be one of its scene."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, Mark, PrefixRate
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.watch.snapshot import WatchSnapshot

from . import pairs, scenes, stories, test_incident_card_pictures, test_looking_back, watched
from .agreeing import EXACT, RULES, contradictions
from .made_history import NOW, Half, as_of, moved
from .monkey import RECORDING
from .test_tour import standing

MADE = {
    **{
        name: getattr(scenes, name)
        for name in (
            *("HEALTHY", "REDIS_DOWN", "JUST_KILLED", "ALL_DOWN", "DRAINING", "LOST"),
            *("UNBALANCED", "LOCKED", "EMPTY", "ODD_KEYS"),
        )
    },
    **{f"past-{age}": as_of(scenes.HEALTHY, age) for age in (0, 3.25, 24)},
    "past-redis-down": as_of(scenes.REDIS_DOWN, 3),
    "moved": moved(scenes.ALL_DOWN, 1e6),
    "paused": scenes.paused(scenes.HEALTHY),
    "story-before": stories.BEFORE,
    **{f"story-{name}": stack for name, stack in stories.STACKS.items()},
    **{
        f"pair-{name}-{side}": getattr(scene, side).snapshot
        for name, scene in {**pairs.SCENES, "silent": pairs.SILENT}.items()
        for side in ("left", "right")
        if getattr(scene, side).snapshot is not None
    },
    **{
        f"card-{name}-{when}": shown
        for name, both in test_incident_card_pictures.CARDS.items()
        for when, shown in zip(("before", "after"), both, strict=True)
    },
    **{f"clip-{it}": test_looking_back.SCENES[it] for it in (0, 39, 40, 60, 79, 80, 119)},
    "tour": standing(),
}


@pytest.mark.parametrize("name", MADE)
def test_a_scene_does_not_contradict_itself(name):
    assert contradictions(MADE[name]) == []


def test_a_real_stack_does_not_contradict_itself():
    with RecordingFile(RECORDING) as recording:
        for snapshot in recording.snapshots():
            assert [found for rule in EXACT for found in rule(snapshot)] == []


_ = scenes.HEALTHY
PLANTED = {
    "balance": replace(_, books=replace(_.books, applied=_.books.applied + 1)),
    "queue": replace(_, log=replace(_.log, depth=516)),
    "history": replace(_, ticks=tuple(replace(tick, depth=300) for tick in _.ticks)),
    "log off": replace(_, safeguards=Safeguards(log=False)),
    "log up": replace(scenes.LOST, log=_.log),
    "ids": replace(scenes.LOST, unaccounted=scenes.LOST.unaccounted[1:]),
    "locked": replace(_, database=scenes.LOCKED.database),
    "locked rows": replace(scenes.LOCKED, ticks=_.ticks),
    "no strip": replace(scenes.LOCKED, faults=()),
    "no mark": replace(scenes.LOCKED, marks=()),
    "no since": replace(scenes.LOCKED, catalogue=scenes.CATALOGUE),
    "no event": replace(scenes.LOCKED, events=()),
    "another time": replace(scenes.LOCKED, marks=(Mark("database.lock", NOW - 9),)),
    "hits": replace(scenes.REDIS_DOWN, ticks=_.ticks),
    "values": replace(scenes.REDIS_DOWN, hot=scenes.HOT),
    "reads": replace(scenes.ALL_DOWN, ticks=_.ticks),
    "prefixes": replace(_, prefixes=(*_.prefixes, PrefixRate(b"more:", 1, 0))),
    "totals": replace(_, reads=replace(_.reads, hits=1_000)),
    "misses": replace(_, reads=replace(_.reads, overlay=0)),
    "rate": replace(_, rate=500.0),
    "accepted": replace(_, books=Books(12_345, 12_249, 96)),
    "idle": scenes.scene(lambda *_: Half(flushed=0), seconds=3, hot=()),
    "hot keys": replace(_, hot=tuple(replace(key, pending=50) for key in _.hot)),
    "truth": replace(_, hot=tuple(replace(key, truth=b"7", pending=0) for key in _.hot)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_contradiction_is_found(name):
    assert contradictions(PLANTED[name])


def test_every_rule_finds_one():
    assert [rule for rule in RULES if not any(any(rule(it)) for it in PLANTED.values())] == []


WATCHED = {name: scene for name, scene in watched.SCENES.items() if scene.figures is not None}


@pytest.mark.parametrize("name", WATCHED)
def test_the_prefixes_of_a_watched_server_add_up(name):
    assert _contradictions_of_a_watch(WATCHED[name]) == []


def _contradictions_of_a_watch(it: WatchSnapshot) -> list[str]:
    assert it.figures is not None
    figures, rows, last = it.figures, it.patterns, it.history[-1]
    memory = [row.memory for row in rows if row.memory]
    rates = [(row.reads_per_second, row.rate) for row in rows if row.rate]
    reads = sum(per_second for per_second, _ in rates)
    hits = sum(per_second * rate.hit_rate for per_second, rate in rates)
    read = sum(one.hits + one.misses for one in it.history)
    checks = {
        "keys": sum(part.keys for part in memory) == figures.keys,
        "memory": sum(part.size for part in memory) <= figures.memory_bytes,
        "limit": figures.memory_bytes <= figures.maxmemory_bytes,
        "evicted only when full": not last.evicted
        or figures.memory_bytes > 0.99 * figures.maxmemory_bytes,
        "sampled": it.memory.of == figures.keys >= it.memory.sampled,
        "overall": it.hit_rate == sum(one.hits for one in it.history) / read,
        "reads seen": it.reads_seen == sum(rate.reads for _, rate in rates),
        "per second": all(
            round(per_second * it.monitored_seconds) == rate.reads for per_second, rate in rates
        ),
        "monitored": it.monitored_seconds == it.load.window_seconds,
        "hit rate": it.server_hit_rate == (hits / reads if reads else None),
        "reads": not reads or abs(last.hits + last.misses - reads) < 0.1 * reads,
        "hot": sum(key.uses_per_second for key in it.hot) <= reads,
        "big": all(
            any(big.key.startswith(row.pattern.rstrip(b"*")) for row in rows)
            for big in it.memory.biggest
        ),
        "restart": it.restart is None
        or (it.restart.hits_per_second == hits and it.restart.keys == figures.keys),
        "commands": last.commands >= last.hits + last.misses,
        "budget": it.load.share <= it.load.budget,
    }
    return [name for name, holds in checks.items() if not holds]
