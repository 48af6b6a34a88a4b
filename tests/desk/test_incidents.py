"""Events of one fault are one entry, and its end stays visible for some seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.engine_event import EventCode as Code
from cachedesk.core.snapshot import Event, EventKind, Mark
from cachedesk.core.wording import TIMES
from cachedesk.desk.panels.hit_rate import CHART as HIT_RATE
from cachedesk.desk.views.afterglow import AFTERGLOW_SECONDS, afterglows
from cachedesk.desk.views.components import redis_view, worker_view
from cachedesk.desk.views.headline import Tone, headline
from cachedesk.desk.views.incident_words import details_of, kind_of, line_of, when_of
from cachedesk.desk.views.incidents import incidents

from .piloting import RecordingControl, desk, drive, screen_text
from .scenes import ADMITTED, ALL_DOWN, HEALTHY, NOW, REDIS_DOWN, FixedSource, told

WIDE = 200
INJECTED = {"argument": "", "seconds": None}


def killed(age, lost=2_650, *, raced=False, back=0.24):
    """Return the events and the mark of a Redis that was killed ``age`` seconds ago."""
    fault = told(
        age,
        Code.FAULT_INJECTED,
        fault="redis.kill",
        result="Redis was killed (SIGKILL to pid 7)",
        **INJECTED,
    )
    died = told(age + 0.01 if raced else age - 0.01, Code.REDIS_DIED, successor="empty")
    found = [died, fault] if raced else [fault, died]
    if back is not None:
        found.append(told(age - back, Code.REDIS_BACK, seconds=back, lost=lost, **ADMITTED))
    return found, Mark("redis.kill", NOW - age - 0.02, NOW - age - 0.02)


def crashed(age, point="worker.apply.mid_batch", events=11):
    fault = told(
        age,
        Code.FAULT_INJECTED,
        fault="worker.crash",
        result="the worker will crash in the middle of its next batch",
        **INJECTED,
    )
    return [
        fault,
        told(age - 0.1, Code.WORKER_CRASHED, point=point, in_flight=events),
        told(age - 0.3, Code.WORKER_RESTARTED),
        told(age - 0.4, Code.WORKER_REDELIVERED, point=point, events=events, already_applied=0),
        told(age - 0.4, Code.WORKER_FLUSHES_AGAIN),
    ], Mark("worker.crash", NOW - age, NOW - age)  # fmt: skip


def locked(age, *, errors=3, healed=None):
    found = [
        told(
            age,
            Code.FAULT_INJECTED,
            fault="database.lock",
            result="the database is locked by a second connection",
            **INJECTED,
        )
    ]
    found += [
        told(age - each, Code.WORKER_CANNOT_FLUSH, error="the database is locked")
        for each in range(1, errors + 1)
    ]
    if healed is not None:
        found += [
            told(healed, Code.FAULT_HEALED, faults=("database.lock",)),
            told(healed, Code.WORKER_FLUSHES_AGAIN),
            told(
                healed,
                Code.FAULT_IMPACT,
                fault="database.lock",
                seconds=age - healed,
                unavailable=9,
                refused=0,
                evicted=0,
                depth_before=3,
                depth_after=400,
            ),
        ]
    mark = Mark("database.lock", NOW - age, None if healed is None else NOW - healed)
    return found, mark  # fmt: skip


def found(*parts):
    events = sorted((event for part in parts for event in part[0]), key=lambda event: event.at)
    return incidents(tuple(events), tuple(part[1] for part in parts))


def scene(*parts, **changes):
    events = sorted((event for part in parts for event in part[0]), key=lambda event: event.at)
    marks = tuple(part[1] for part in parts)
    return replace(HEALTHY, events=(*HEALTHY.events, *events), marks=marks, **changes)


@pytest.mark.parametrize("raced", [False, True])
def test_a_killed_redis_is_one_entry_from_the_cause_to_the_recovery(raced):
    (one,) = found(killed(30, raced=raced))
    assert (one.fault, one.part, kind_of(one)) == ("redis.kill", "redis", EventKind.HEALED)
    assert line_of(one, WIDE) == (
        "Redis was killed → back after 240 ms: empty, 2,650 cached keys lost, no write"
    )
    assert line_of(one, 70) == (
        "Redis was killed → back after 240 ms: empty, 2,650 cached keys lost"
    )


def test_writes_that_are_in_no_log_are_said_where_redis_comes_back():
    events, mark = killed(30)
    events[-1] = told(
        29.7, Code.REDIS_BACK, seconds=0.3, lost=2,
        **(ADMITTED | {"kept_by": "84 acknowledged writes are in no log"}),
    )  # fmt: skip
    (one,) = found((events, mark))
    said = "empty, 2 cached keys lost; 84 acknowledged writes are in no log"
    assert line_of(one, WIDE).endswith(said)


def test_a_crash_is_one_entry_and_says_how_long_it_took():
    (one,) = found(crashed(20))
    assert line_of(one, WIDE) == (
        "worker crashed at apply.mid_batch → 11 events delivered again, 0 of them applied before"
        " → flushes again, 400 ms"
    )
    assert len(details_of(one)) == 5
    short = line_of(one, 60)
    assert short == "worker crashed at apply.mid_batch → flushes, 400 ms"


def test_the_errors_of_a_lock_are_counted_and_its_end_is_in_the_same_entry():
    (still,) = found(locked(30))
    assert line_of(still, WIDE) == (
        "the database is locked by a second connection → the worker cannot flush"
        f" ({TIMES}3): the database is locked"
    )
    assert (kind_of(still), still.ended_at) == (EventKind.FAULT, None)
    (over,) = found(locked(30, healed=2))
    assert line_of(over, WIDE).endswith(
        "lasted 28.0 s: 9 calls unavailable, the log grew from 3 to 400 events"
    )
    assert line_of(over, 60) == "the database was locked → lasted 28.0 s, 9 unavailable"
    assert (kind_of(over), over.ended_at) == (EventKind.HEALED, NOW - 2)
    assert over.shown_at == still.shown_at == NOW - 30


def test_two_faults_at_once_keep_their_own_events():
    lines = [line_of(one, WIDE) for one in found(locked(30, healed=2), killed(10), crashed(5))]
    assert len(lines) == 3
    words = ("killed", "crashed", "was locked")
    assert [sum(word in line for line in lines) for word in words] == [1, 1, 1]


def test_a_second_kill_is_a_second_entry():
    assert [one.started_at for one in found(killed(30), killed(20))] == [NOW - 30, NOW - 20]


def test_one_heal_ends_every_fault_that_it_names():
    lock, down = locked(20, errors=0), ALL_DOWN.events[3]
    heal = told(3, Code.FAULT_HEALED, faults=("redis.down", "database.lock"))
    back = told(2, Code.REDIS_BACK, seconds=28.0, lost=9, **ADMITTED)
    marks = (Mark("redis.down", down.at, NOW - 3), replace(lock[1], end_at=NOW - 3))
    both = incidents((down, *lock[0], heal, back), marks)
    assert {one.fault: one.ended_at for one in both} == {
        "database.lock": NOW - 3,
        "redis.down": NOW - 2,
    }


def test_redis_that_dies_by_itself_and_a_paused_worker_are_entries_too():
    events = (
        told(30, Code.REDIS_DIED, successor="empty"),
        told(29, Code.REDIS_BACK, seconds=1.0, lost=0, **ADMITTED),
        told(20, Code.WORKER_PAUSED, logged=True),
        told(8, Code.WORKER_RESUMED),
    )
    died, pause = incidents(events, ())
    assert line_of(died, WIDE) == "Redis died → back after 1.00 s: empty"
    assert line_of(pause, WIDE).endswith("→ the worker goes on, 12.0 s")


def test_repeated_events_are_counted_and_others_are_not():
    again = [Event(NOW - age, EventKind.INFO, "the same") for age in (9, 8, 7)]
    other = Event(NOW - 6, EventKind.INFO, "other")
    assert [line_of(one, WIDE) for one in incidents((*again, other), ())] == [
        f"{TIMES}3 the same",
        "other",
    ]


def test_a_pause_just_before_a_fault_does_not_give_it_its_name():
    events, mark = killed(5)
    pause = told(5.3, Code.WORKER_PAUSED, logged=True)
    marks = (Mark("worker.pause", pause.at, None), mark)
    assert [one.fault for one in incidents((pause, *events), marks)] == ["", "redis.kill"]


def test_events_without_codes_stay_as_they_were_written():
    events = tuple(replace(event, code="") for event in killed(30)[0])
    assert [line_of(one, WIDE) for one in incidents(events, ())] == [event.text for event in events]


def test_every_event_is_in_exactly_one_place():
    parts = (locked(40, healed=12), killed(10), crashed(5), killed(2, back=None))
    events = sorted((event for part in parts for event in part[0]), key=lambda event: event.at)
    folded = incidents(tuple(events), tuple(part[1] for part in parts))
    assert sorted(e.at for one in folded for e in one.events) == [event.at for event in events]


def armed(age, **end):
    """Return the first event of ``crashed``, and what ended it after a second."""
    events, mark = crashed(age)
    point = "worker.apply.mid_batch"
    over = told(age - 1, Code.FAULT_DISARMED, fault="worker.crash", point=point)
    return [events[0], *([over] if end.get("disarmed") else [])], mark


def test_an_armed_crash_is_over_when_it_is_disarmed():
    (waits,) = found(armed(30))
    assert (kind_of(waits), waits.ended_at) == (EventKind.FAULT, None)
    (one,) = found(armed(30, disarmed=True))
    assert (kind_of(one), one.ended_at) == (EventKind.HEALED, NOW - 29)
    assert line_of(one, WIDE) == (
        "the worker will crash in the middle of its next batch → disarmed before it did, 1.0 s"
    )
    assert headline(scene(armed(4, disarmed=True))).sentence == "all well", "nothing crashed"


def test_each_of_two_armed_crashes_is_disarmed():
    first, second = armed(30), armed(20)
    ends = armed(10, disarmed=True)[0][1:] * 2
    both = found((first[0], first[1]), (second[0] + ends, second[1]))
    assert [kind_of(one) for one in both] == [EventKind.HEALED, EventKind.HEALED]


def test_an_entry_that_is_over_says_from_when_to_when():
    (lock,) = found(locked(40, healed=12))
    assert when_of(lock, briefly=False) == "15:29:20–15:29:48"  # noqa: RUF001
    assert when_of(lock, briefly=True) == "15:29:20"
    (going_on,) = found(killed(10, back=None))
    assert when_of(going_on, briefly=False) == "15:29:50"


def test_the_headline_and_the_box_still_show_a_kill_of_some_seconds_ago():
    snapshot = scene(killed(4), redis=replace(HEALTHY.redis, keys=318))
    said = headline(snapshot)
    assert said.sentence == "Redis was killed 4 s ago: 96.2 % hits, 95.6 % before the fault"
    assert said.fitted(45) == "Redis was killed: 96.2 % hits, 95.6 % before"
    assert said.fitted(31) == "Redis was killed: 96.2 % hits"
    assert said.fitted(12) == "96.2 % hits"
    assert said.tone is Tone.WARNING
    assert redis_view(snapshot).state == "up · killed 4 s ago"
    assert redis_view(snapshot).tone is Tone.WARNING
    assert worker_view(snapshot).tone is Tone.WELL


def test_the_headline_has_the_hit_rate_of_the_chart_and_not_another_figure():
    kill = killed(4)
    snapshot = scene(kill, redis=replace(HEALTHY.redis, keys=2_650))
    missed = tuple(
        replace(tick, hits=700, misses=300) if NOW - tick.at < 3.5 else tick
        for tick in snapshot.ticks
    )
    said = headline(replace(snapshot, ticks=missed)).sentence
    assert said == "Redis was killed 4 s ago: 70.0 % hits, 95.6 % before the fault"
    assert HIT_RATE.figure(replace(snapshot, ticks=missed)) == "70.0 %"
    idle = replace(snapshot, ticks=tuple(replace(it, hits=0, misses=1) for it in missed))
    assert headline(idle).sentence == "Redis was killed 4 s ago: it came back empty"


def test_a_fault_that_came_while_redis_refilled_is_compared_with_the_time_before_both():
    first, second = killed(12), killed(4)
    snapshot = scene(first, second)
    missed = tuple(
        replace(tick, hits=500, misses=500) if NOW - tick.at < 12 else tick
        for tick in snapshot.ticks
    )
    said = headline(replace(snapshot, ticks=missed)).sentence
    assert said == "Redis was killed 4 s ago: 50.0 % hits, 95.0 % before the fault"


def test_it_glows_for_ten_seconds_after_the_recovery():
    def sentence(age):
        return headline(scene(killed(age))).sentence

    assert "was killed" in sentence(AFTERGLOW_SECONDS + 0.2)
    assert sentence(AFTERGLOW_SECONDS + 0.3) == "all well"
    assert headline(scene(locked(400, healed=9))).sentence == (
        "the database was locked until 9 s ago: 9 calls unavailable"
    )
    assert headline(scene(locked(400, healed=11))).sentence == "all well"


def test_a_lock_is_over_when_it_is_healed_although_the_log_drains_for_longer():
    events, mark = locked(30, healed=5)
    (drains,) = incidents((*events[:-2], events[-1]), (mark,))
    assert (kind_of(drains), drains.ended_at) == (EventKind.RECOVERY, None)
    events[-2] = told(1, Code.WORKER_FLUSHES_AGAIN)
    said = headline(scene((events, mark))).sentence
    assert said == "the database was locked until 5 s ago: 9 calls unavailable"


def test_the_return_of_a_redis_that_was_held_down_has_one_duration():
    fault = told(9, Code.FAULT_INJECTED, fault="redis.down", result="Redis was killed", **INJECTED)
    impact = {"unavailable": 0, "refused": 0, "evicted": 0, "depth_before": 0, "depth_after": 0}
    events = [
        fault,
        told(3, Code.FAULT_HEALED, faults=("redis.down",)),
        told(3, Code.FAULT_IMPACT, fault="redis.down", seconds=6.0, **impact),
        told(2.8, Code.REDIS_BACK, seconds=6.16, lost=9, **ADMITTED),
    ]
    (one,) = found((events, Mark("redis.down", NOW - 9, NOW - 3)))
    line = line_of(one, WIDE)
    assert line.startswith("Redis was held down → lasted 6.0 s")
    assert line.endswith("→ back: empty, 9 cached keys lost, no write")


def test_what_is_wrong_now_comes_before_what_was():
    assert headline(scene(killed(4), redis=REDIS_DOWN.redis)).sentence.startswith("Redis is down")
    assert not afterglows(scene(killed(4, back=None)))


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ((Code.REDIS_DIED, Code.REDIS_BACK), "Redis died"),
        ((Code.REDIS_HUNG, Code.REDIS_BACK), "Redis hung"),
        ((Code.WORKER_CRASHED, Code.WORKER_FLUSHES_AGAIN), "the worker crashed"),
        ((Code.WORKER_CANNOT_FLUSH, Code.WORKER_FLUSHES_AGAIN), "the worker could not flush"),
    ],
)
def test_what_happened_without_a_fault_is_told_by_its_event(codes, said):
    began, ended = (replace(told(0, Code.WORKER_FLUSHES_AGAIN), code=code.value) for code in codes)
    events = (replace(began, at=NOW - 4), replace(ended, at=NOW - 3))
    (glow,) = afterglows(replace(HEALTHY, events=events, marks=()))
    assert glow.sentence.startswith(f"{said} 4 s ago")
    assert glow.shorter[-1] == said


def test_lost_writes_are_the_news_of_a_kill_without_the_log():
    events, mark = killed(4)
    events.append(told(3, Code.UNLOGGED_WRITES_LOST, count=2, seqs=(7, 9)))
    events.append(told(2, Code.UNLOGGED_WRITES_LOST, count=11, seqs=(17, 19)))
    (one,) = found((events, mark))
    assert kind_of(one) is EventKind.ERROR
    assert line_of(one, WIDE).endswith("→ 13 acknowledged writes are lost")
    said = headline(scene((events, mark)))
    assert said.tone is Tone.BROKEN
    assert "13 acknowledged writes lost" in said.sentence


def test_an_expanded_list_shows_the_events_under_each_entry():
    app = desk(RecordingControl(), FixedSource(scene(crashed(30))))

    async def script(pilot):
        assert "started again" not in screen_text(app)
        app.desk.panels[8].take_focus()
        await pilot.press("z")
        await pilot.pause()
        assert "the worker is started again" in screen_text(app)

    drive(app, script, (120, 40))
