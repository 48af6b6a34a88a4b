"""The sentence of state: the worst news wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.snapshot import Books, Health
from cachedesk.desk.views.headline import Tone, headline, verdict

from .scenes import ALL_DOWN, EMPTY, HEALTHY, REDIS_DOWN, UNBALANCED, paused


def down(part: str, word: str = "down", scene=HEALTHY, health=Health.DOWN):
    return replace(scene, **{part: replace(getattr(scene, part), health=health, word=word)})


@pytest.mark.parametrize(
    ("scene", "sentence", "tone"),
    [
        (HEALTHY, "all well", Tone.WELL),
        (EMPTY, "starting Redis …", Tone.WARNING),
        (REDIS_DOWN, "Redis is down: reads come from the database", Tone.BROKEN),
        (
            down("database", "file gone"),
            "database file gone: write-behind takes no increments",
            Tone.BROKEN,
        ),
        (
            down("database", "file gone", REDIS_DOWN),
            "Redis and database down: no reads; write-behind takes no increments",
            Tone.BROKEN,
        ),
        (
            down("log", "full", down("database", "locked")),
            "database locked: only hits are served",
            Tone.BROKEN,
        ),
        (ALL_DOWN, "everything is down: calls are refused", Tone.BROKEN),
        (down("log", "disk full"), "log disk full: write-behind is refused", Tone.BROKEN),
        (down("worker", "crashed"), "worker crashed: 344 events in the log", Tone.BROKEN),
        (paused(HEALTHY), "worker paused: 344 events in the log", Tone.WARNING),
        (
            down("database", "locked", health=Health.DEGRADED),
            "database locked: write-behind goes on",
            Tone.WARNING,
        ),
        (
            down("database", "locked", REDIS_DOWN, health=Health.DEGRADED),
            "Redis is down, database locked: write-behind goes on",
            Tone.BROKEN,
        ),
        (
            down("database", "slow", health=Health.DEGRADED),
            "database slow: misses, increments and write-through wait",
            Tone.WARNING,
        ),
        (
            down("database", "slow", REDIS_DOWN, health=Health.DEGRADED),
            "Redis is down, database slow: every read waits",
            Tone.BROKEN,
        ),
        (
            down("log", "full", health=Health.DEGRADED),
            "log full: write-behind is held back",
            Tone.WARNING,
        ),
        (
            down("redis", "slow", health=Health.DEGRADED),
            "Redis slow",
            Tone.WARNING,
        ),
        (
            replace(HEALTHY, books=Books(3, 1, 1, 1)),
            "1 dead letter; the rest is well",
            Tone.WARNING,
        ),
        (
            replace(HEALTHY, log=replace(HEALTHY.log, depth=95_000)),
            "log 95 % full",
            Tone.WARNING,
        ),
        (UNBALANCED, "the books DO NOT BALANCE: 3 events missing", Tone.BROKEN),
        (
            replace(ALL_DOWN, books=Books(1, 2, 0, 0)),
            "the books DO NOT BALANCE: 1 event too many",
            Tone.BROKEN,
        ),
    ],
)
def test_headline(scene, sentence, tone):
    said = headline(scene)
    assert said.sentence == sentence
    assert said.tone is tone


def test_verdict():
    assert verdict(Books(5, 3, 1, 1)) == "balanced"
    assert verdict(Books(5, 3, 1, 0)) == "DO NOT BALANCE: 1 event missing"
