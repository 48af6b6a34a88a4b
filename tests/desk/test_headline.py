"""The sentence of state: the worst news wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.engine_event import EventCode
from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, Health, Mark
from cachedesk.desk.views.backlog import oldest_age
from cachedesk.desk.views.components import worker_view
from cachedesk.desk.views.formats import ABSENT
from cachedesk.desk.views.headline import Tone, headline, verdict

from .scenes import (
    ADMITTED,
    ALL_DOWN,
    DRAINING,
    EMPTY,
    HEALTHY,
    LOST,
    NOW,
    REDIS_DOWN,
    UNBALANCED,
    paused,
    told,
)


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
        (down("worker", "crashed"), "worker crashed: 96 events in the log", Tone.BROKEN),
        (paused(HEALTHY), "worker paused: 96 events in the log", Tone.WARNING),
        (
            down("database", "locked", health=Health.DEGRADED),
            "database locked: payments wait, views go on",
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


def test_a_backlog_is_never_all_well():
    assert headline(DRAINING).sentence == (
        "draining: 52,945 events, database 2 m behind, about 9 s left"
    )
    slow = tuple(replace(tick, applied=150) for tick in HEALTHY.ticks)
    filling = replace(HEALTHY, ticks=slow, log=replace(HEALTHY.log, oldest_seconds=40.0))
    assert headline(filling).sentence == (
        "the log fills faster than it drains: 96 events, database 40 s behind"
    )
    old = replace(HEALTHY.log, oldest_seconds=40.0)
    patient = replace(HEALTHY.worker, batch_age_seconds=60.0)
    assert headline(replace(HEALTHY, log=old, worker=patient)).sentence == "all well", "as set"


def test_a_long_pause_says_how_far_the_database_is_behind():
    waiting = replace(paused(HEALTHY), log=replace(HEALTHY.log, oldest_seconds=125.0))
    assert headline(waiting).sentence == (
        "worker paused: 96 events in the log, database 2 m behind"
    )


def test_what_waits_without_the_log_is_in_redis_only():
    off = replace(paused(HEALTHY), safeguards=Safeguards(log=False))
    assert headline(off).sentence == "worker paused: 96 events in Redis only"


def test_stale_reads_are_news_for_a_minute():
    def read(age, count):
        return tuple(
            replace(tick, stale=count) if tick.at == NOW - age else tick for tick in HEALTHY.ticks
        )

    said = headline(replace(HEALTHY, ticks=read(30, 20)))
    assert (said.sentence, said.tone) == ("20 reads were stale", Tone.BROKEN)
    off = replace(HEALTHY, ticks=read(30, 1), safeguards=Safeguards(read_repair=False))
    assert headline(off).sentence == "1 read was stale: read repair is off"
    assert headline(replace(HEALTHY, ticks=read(75, 20))).sentence == "all well"


def test_refused_payments_are_counted_since_the_fault():
    locked = down("database", "locked", health=Health.DEGRADED)
    ticks = tuple(replace(tick, unavailable=1) for tick in HEALTHY.ticks)
    scene = replace(locked, ticks=ticks, marks=(Mark("database.lock", NOW - 4.5),))
    said = headline(scene)
    assert said.sentence == "database locked: payments fail (9 unavailable so far), views go on"
    assert said.tone is Tone.BROKEN
    assert headline(replace(scene, workload="ycsb-a")).sentence == (
        "database locked: write-through fails (9 unavailable so far), write-behind goes on"
    )


def test_the_worker_says_what_it_did_in_the_last_ticks():
    assert worker_view(DRAINING).word == "draining 6,000/s"
    assert worker_view(HEALTHY).word == "flushing"
    calm = tuple(replace(tick, applied=tick.through) for tick in HEALTHY.ticks)
    assert worker_view(replace(HEALTHY, ticks=calm)).word == "idle"
    assert worker_view(paused(DRAINING)).word == "paused"


def test_a_log_that_is_switched_off_is_not_called_full():
    off = down("log", "off", health=Health.DEGRADED)
    said = headline(replace(off, safeguards=Safeguards(log=False)))
    assert said.sentence == "log off: fast writes are in Redis only"


def test_verdict():
    assert verdict(Books(5, 3, 1, 1)) == "balanced"
    assert verdict(Books(5, 3, 1, 0)) == "DO NOT BALANCE: 1 event missing"


def test_a_lost_write_is_the_reason_of_stale_reads_without_the_log():
    ticks = tuple(replace(tick, stale=1) for tick in HEALTHY.ticks[-3:])
    off = replace(HEALTHY, ticks=ticks, safeguards=Safeguards(log=False))
    assert headline(off).sentence == "log off: 3 reads were stale"


def test_redis_refills_until_the_hit_rate_is_back():
    def scene(ended, hits):
        begun = ended + 0.2
        ticks = tuple(
            replace(tick, hits=95 if tick.at < NOW - begun else hits, misses=100)
            for tick in HEALTHY.ticks
        )
        events = (
            told(begun, EventCode.REDIS_DIED, successor="empty"),
            told(ended, EventCode.REDIS_BACK, seconds=0.2, lost=9, **ADMITTED),
        )
        return headline(replace(HEALTHY, ticks=ticks, events=events)).sentence

    assert scene(30, hits=25) == "Redis refills: 20.0 % hits, 48.7 % before the fault"
    assert scene(30, hits=90) == "all well"
    assert scene(61, hits=25) == "all well", "by then it is the new normal"


def test_the_age_of_writes_that_are_in_no_log_is_not_known():
    assert not LOST.safeguards.log
    assert LOST.log.depth
    assert oldest_age(LOST) == ABSENT
    assert oldest_age(HEALTHY) == "300 ms"
    nothing_waits = replace(LOST.log, depth=0, oldest_seconds=0.0)
    assert oldest_age(replace(LOST, log=nothing_waits)) == "0 s"
