"""The card of an incident: its figures are those of the snapshots before, during and after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.engine_event import EventCode as Code
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.snapshot import Books, Mark, Percentiles, Tick, Writes
from cachedesk.desk.views import incident_card as card_view
from cachedesk.desk.views import incident_figures
from cachedesk.desk.views.fault_words import LASTING, ONCE
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.views.incident_card import incident_card
from cachedesk.desk.views.incident_curve import Curve, Phase, curve_of
from cachedesk.desk.views.incident_figures import IncidentHistory, Point
from cachedesk.desk.views.safeguard_verdict import AFTER_COMMIT, Comparison
from cachedesk.stack.fault_catalog import CATALOG

from .scenes import HEALTHY, NOW, told
from .test_incidents import INJECTED, crashed, killed, locked

LOG_OFF = Safeguards(log=False)
BOOKS = Books(10_000, 9_989, 11, 0)


def at(age, *parts, **changes):
    """Return the snapshot of ``age`` seconds ago, with the events that had happened by then."""
    events = sorted((event for part in parts for event in part[0]), key=lambda event: event.at)
    marks = tuple(part[1] for part in parts)
    history = changes.pop("ticks", HEALTHY.ticks)
    return replace(
        HEALTHY,
        **{"books": BOOKS, "rate": None, **changes},
        at=NOW - age,
        events=tuple(event for event in events if event.at <= NOW - age),
        marks=tuple(
            mark if mark.end_at is None or mark.end_at <= NOW - age else replace(mark, end_at=None)
            for mark in marks
            if mark.start_at <= NOW - age
        ),
        ticks=tuple(tick for tick in history if tick.at <= NOW - age),
    )


def seen(*snapshots):
    """Return the history after these snapshots."""
    history = IncidentHistory()
    for snapshot in snapshots:
        history = history.after(snapshot)
    return history


def card_of(*snapshots):
    """Return the card of the only incident in these snapshots."""
    (figures,) = seen(*snapshots).found
    return incident_card(figures, snapshots[-1].workload)


def lines(card):
    return {fact.label: fact.text for fact in card.facts}


def test_the_card_of_a_kill_says_what_broke_what_it_cost_and_what_held():
    kill = killed(4)
    before = at(4.2, kill, reads=replace(HEALTHY.reads, hits=1_000, misses=100))
    after = at(
        2,
        kill,
        redis=replace(HEALTHY.redis, keys=318),
        reads=replace(HEALTHY.reads, hits=1_900, misses=600),
        writes=replace(HEALTHY.writes, behind=HEALTHY.writes.behind + 2),
    )
    card = card_of(before, after)
    assert card.title == "Redis was killed at 15:29:56"
    assert lines(card) == {
        "Fault": "killed with SIGKILL, down for 240 ms",
        "Callers": "0 of 1,402 calls unavailable · 0 stale reads",
        "p99": "as before: hit 420 µs, overlay 640 µs, database 1.6 ms, write-through 1.9 ms,"
        " write-behind 1.2 ms",
        "Redis": "lost 2,650 keys; has 12 % as many after 1.8 s",
        "Database": "lost no acknowledged write",
        "Held by": "the log: 11 fast writes were in it and not yet in the database",
    }
    assert card.side == Comparison("log", "redis.kill")
    assert card.tone is Tone.WELL


def test_calls_that_failed_are_counted_by_kind_and_only_those_of_the_fault():
    lock = locked(20, healed=8)
    reads, writes = HEALTHY.reads, Writes(through=900, behind=8_000, refused=5, unavailable=3)
    failed = replace(writes, unavailable=40, refused=6)
    before = at(20.1, lock, reads=replace(reads, unavailable=7, stale=2), writes=writes)
    settled = at(5, lock, reads=replace(reads, unavailable=9, stale=3), writes=failed)
    later = at(1, lock, reads=replace(reads, unavailable=90, stale=30), writes=failed)
    card = card_of(before, at(8, lock, writes=failed), settled, later)
    assert lines(card)["Callers"].endswith(
        "calls unavailable: 2 reads, 37 payments · 1 stale read · 1 refused"
    )
    brief = next(fact.brief for fact in card.facts if fact.label == "Callers")
    assert brief == "2 reads, 37 payments unavailable · 1 stale read · 1 refused"
    assert lines(card)["Fault"] == "its write lock was held by a second connection for 12.0 s"
    assert lines(card)["Redis"] == "not affected"
    assert card.side == Comparison("log", "database.lock")


def test_without_a_snapshot_from_before_only_what_events_say_is_claimed():
    assert lines(card_of(at(1, locked(20, healed=8))))["Callers"] == "9 calls unavailable"
    card = card_of(at(1, killed(4)))
    assert lines(card)["Callers"] == "not known: the desk was opened later"
    # A snapshot of long before says nothing about the time just before.
    card = card_of(at(90), at(1, killed(4)))
    assert lines(card)["Callers"] == "not known: the desk was opened later"
    assert "p99" not in lines(card)


def test_the_p99_that_grew_is_compared_with_the_one_before():
    kill = killed(4)
    slow = replace(
        HEALTHY.latencies,
        database=Percentiles(900, 2e-3, 48e-3, 0.1),
        write_through=Percentiles(90, 1e-3, 2.2e-3, 0.1),
    )
    card = card_of(at(4.2, kill), at(3, kill, latencies=slow), at(0, kill))
    assert lines(card)["p99"] == "database 1.6 ms → 48 ms"


def test_the_refill_is_timed_while_the_card_stands():
    kill = killed(30)
    kept = [at(30.2, kill)]
    for age, keys, says in (
        (29, 100, "has 3 % as many after 760 ms"),
        (20, 1_500, "has 56 % as many after 9.8 s"),
        (15, 2_200, "has 80 % as many after 14.8 s"),
        (5, 2_650, "has 80 % as many after 14.8 s"),
    ):
        kept.append(at(age, kill, redis=replace(HEALTHY.redis, keys=keys)))
        assert lines(card_of(*kept))["Redis"] == f"lost 2,650 keys; {says}"


def lossy(age=4, **changes):
    """Return a kill with the log off, which lost the writes 7, 8 and 9."""
    events, mark = killed(age)
    loss = told(age - 1, Code.UNLOGGED_WRITES_LOST, count=3, seqs=(7, 8, 9))
    return ([*events, loss], mark), {"safeguards": LOG_OFF, **changes}


GONE = replace(BOOKS, pending=8)
"""The books without the three writes."""


def test_lost_writes_are_named_and_so_is_the_missing_safeguard():
    kill, off = lossy()
    card = card_of(at(4.2, kill, **off), at(2, kill, **off, books=GONE))
    assert lines(card)["Database"] == "lost 3 acknowledged writes: #7 #8 #9"
    assert lines(card)["Missing"] == (
        "the log: fast writes were in Redis only until they were copied"
    )
    assert (card.tone, card.side) == (Tone.BROKEN, Comparison("log", "redis.kill"))


def test_a_loss_that_only_the_books_know_of_is_a_loss():
    kill = killed(4)
    card = card_of(at(4.2, kill), at(2, kill, books=GONE))
    assert lines(card)["Database"] == ("lost 3 acknowledged writes, which the event balance misses")
    assert card.tone is Tone.BROKEN
    assert "defect" in next(fact.brief for fact in card.facts if fact.label == "Missing")


@pytest.mark.parametrize("deaf", ["events", "books"])
def test_one_source_that_says_nothing_does_not_make_a_loss_none(deaf, monkeypatch):
    kill, off = lossy()
    books = BOOKS if deaf == "books" else GONE
    if deaf == "events":
        monkeypatch.setattr(incident_figures, "lost_writes", lambda incident: 0)
    card = card_of(at(4.2, kill, **off), at(2, kill, **off, books=books))
    assert lines(card)["Database"].startswith("lost 3 acknowledged writes")


def test_a_loss_of_another_incident_is_not_counted_twice():
    first, off = lossy(12)
    second = killed(3)
    history = seen(
        at(12.2, first, second, **off),
        at(10.5, first, second, **off, books=GONE),
        at(3.2, first, second, **off, books=GONE),
        at(1, first, second, **off, books=GONE),
    )
    assert [figures.lost for figures in history.found] == [3, 0]
    said = [lines(incident_card(figures))["Database"] for figures in history.found]
    assert said == ["lost 3 acknowledged writes: #7 #8 #9", "lost no acknowledged write so far"]


def test_with_the_log_off_nothing_lost_is_provisional_until_dirty_keys_were_copied():
    kill = killed(20)
    off = {"safeguards": LOG_OFF}
    early = card_of(at(20.2, kill, **off), at(15, kill, **off))
    late = card_of(at(20.2, kill, **off), at(15, kill, **off), at(9, kill, **off))
    assert lines(early)["Database"].endswith("so far")
    assert not lines(late)["Database"].endswith("so far")
    assert lines(late)["Missing"].startswith("the log, but nothing was lost")
    assert late.tone is Tone.WELL


def redelivered(applied, point="worker.ack.before"):
    events, mark = crashed(10, point)
    events[3] = told(9.6, Code.WORKER_REDELIVERED, point=point, events=11, already_applied=applied)
    return events, mark


def test_without_effectively_once_a_crash_before_the_commit_applies_nothing_twice():
    crash = redelivered(0, "worker.apply.mid_batch")
    off = {"safeguards": Safeguards(effectively_once=False)}
    card = card_of(at(10.2, crash, **off), at(5, crash, **off))
    assert lines(card)["Database"] == "lost no acknowledged write"
    assert lines(card)["Missing"] == ("effectively once, but no event was applied twice this time")


@pytest.mark.parametrize(
    ("applied", "guards", "database", "label", "verdict"),
    [
        (0, ALL_ON, "lost no acknowledged write", "Held by",
         "one transaction per batch: the half-written batch was undone"),
        (11, ALL_ON, "lost no acknowledged write", "Held by",
         "effectively once: 11 events came again and changed nothing"),
        (0, Safeguards(effectively_once=False), "11 events applied twice: increments count twice",
         "Missing", "effectively once: 11 events applied a second time"),
    ],
)  # fmt: skip
def test_a_crash_is_held_by_the_transaction_or_by_effectively_once(
    applied, guards, database, label, verdict
):
    crash, on = redelivered(applied), {"safeguards": guards}
    card = card_of(at(10.2, crash, **on), at(5, crash, **on))
    assert lines(card)["Fault"] == "crashed at ack.before, flushed again after 400 ms"
    assert (lines(card)["Database"], lines(card)[label]) == (database, verdict)
    assert card.side == Comparison("effectively_once", AFTER_COMMIT)
    assert card.side.words == "a crash after the commit with and without effectively once"


@pytest.mark.parametrize(
    ("fault", "guards", "label", "begins", "side"),
    [
        ("redis.old_snapshot", ALL_ON, "Held by", "cold restart", "cold_restart"),
        ("redis.old_snapshot", Safeguards(cold_restart=False), "Missing", "cold restart: the old",
         "cold_restart"),
        ("redis.squeeze", Safeguards(read_repair=False), "Missing", "read repair: misses",
         "read_repair"),
        ("redis.squeeze", ALL_ON, "Held by", "read repair", "read_repair"),
        ("log.full", ALL_ON, "Held by", "refusal", None),
    ],
)  # fmt: skip
def test_each_fault_has_its_safeguard(fault, guards, label, begins, side):
    event = told(9, Code.FAULT_INJECTED, fault=fault, result="it is broken", **INJECTED)
    events = [event, told(6, Code.FAULT_HEALED, faults=(fault,))]
    if fault == "redis.old_snapshot":
        events[1] = told(6, Code.REDIS_BACK, seconds=3.0, lost=0, **ABOUT_NONE)
    end = NOW - 9 if fault == "redis.old_snapshot" else NOW - 6
    part = events, Mark(fault, NOW - 9, end)
    stale = replace(HEALTHY.reads, stale=5) if guards.off else HEALTHY.reads
    on = {"safeguards": guards}
    card = card_of(at(9.2, part, **on), at(6.5, part, **on), at(3, part, **on, reads=stale))
    assert lines(card)[label].startswith(begins)
    assert (card.side.safeguard if card.side else None) == side


ABOUT_NONE = {
    "emptied": False, "dropped": 0, "verified": None, "trusted": True, "lost_is_estimate": False,
    "kept_by": "the truth is complete",
}  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "says"),
    [((7, 8, 9), "lost 20 acknowledged writes: #7 #8 #9 and 17 more"),
     (tuple(range(12)), "lost 20 acknowledged writes: #0 #1 #2 #3 #4 #5 #6 #7 and 12 more")],
)  # fmt: skip
def test_the_ids_that_are_not_named_are_counted(listed, says):
    events, mark = killed(4)
    events.append(told(3, Code.UNLOGGED_WRITES_LOST, count=20, seqs=listed))
    part, off = (events, mark), {"safeguards": LOG_OFF}
    card = card_of(at(4.2, part, **off), at(2, part, **off))
    assert lines(card)["Database"] == says
    brief = next(fact.brief for fact in card.facts if fact.label == "Database")
    assert brief.startswith("lost 20 acknowledged writes: #")
    assert (brief.count("#"), brief[-1]) == (2, "…")


def test_stale_reads_are_put_down_to_what_can_cause_them():
    off = {"safeguards": Safeguards(log=False, cold_restart=False, read_repair=False)}
    stale = {**off, "reads": replace(HEALTHY.reads, stale=5)}
    lock, crash, kill = locked(20, healed=8), redelivered(0), killed(9)
    card = card_of(at(20.1, lock, **off), at(1, lock, **stale))
    assert lines(card)["Missing"] == (
        "the log: writes that were lost earlier are missing from what is read"
    )
    assert lines(card_of(at(10.2, crash, **off), at(1, crash, **stale)))["Held by"]
    repair = {"safeguards": Safeguards(read_repair=False)}
    stale = {**repair, "reads": replace(HEALTHY.reads, stale=5)}
    card = card_of(at(9.1, kill, **repair), at(6, kill, **stale))
    assert lines(card)["Missing"] == "read repair: misses believed the row alone"


def test_the_depth_of_an_earlier_incident_is_not_that_of_this_one():
    lock = locked(6, healed=2)
    history = tuple(
        replace(tick, depth=9_000 if tick.at < NOW - 9 else 50) for tick in HEALTHY.ticks
    )
    card = card_of(at(6.1, lock, ticks=history), at(0, lock, ticks=history))
    assert "up to 50 events" in lines(card)["Held by"]
    assert card.curve.extreme == "highest 50"


def test_every_fault_has_words_and_an_end():
    kinds = {fault.name for fault in CATALOG.kinds.values()} - {"process.kill"}
    assert set(card_view._WHAT) == kinds
    assert set(ONCE) | set(LASTING) == kinds


def test_a_card_is_due_once_when_the_fault_ends_and_never_for_a_pause_or_an_old_one():
    kill = killed(4)
    opened = seen(at(60))
    running = opened.after(at(3.9, kill))
    ended = running.after(at(3, kill))
    assert running.just_ended(opened) is None
    assert ended.just_ended(running).incident.fault == "redis.kill"
    assert ended.after(at(2, kill)).just_ended(ended) is None
    assert seen(at(3, kill)).just_ended(IncidentHistory()) is None
    pause = [told(5, Code.WORKER_PAUSED, logged=True), told(4, Code.WORKER_RESUMED)]
    paused = seen(at(60), at(3, (pause, Mark("other", NOW - 50, NOW - 50))))
    assert paused.found == ()
    # A jump in a recording that passes a fault of long before shows no card.
    early = killed(50)
    assert seen(at(60), at(5, early)).just_ended(seen(at(60))) is None


def test_an_earlier_snapshot_begins_the_history_anew():
    kill = killed(4)
    history = seen(at(60), at(4.2, kill), at(1, kill))
    assert history.after(at(40)).found == ()
    assert history.after(at(40)).just_ended(history) is None


def test_an_incident_whose_cause_is_announced_late_stays_one():
    events, mark = killed(4, raced=True)
    first = events[0]
    history = seen(at(5), at(4, ([first], Mark("x", NOW - 99, NOW - 99))), at(1, (events, mark)))
    assert [figures.incident.fault for figures in history.found] == ["redis.kill"]
    assert history.found[0].before.at == NOW - 5


def curve(values, *, started, ended, top=100.0):
    return Curve("Hit rate", "Redis", tuple(values), top, started, ended, "", "", "")


def test_a_curve_is_as_wide_as_asked_and_marks_where_the_fault_was():
    values = [(float(n), 100.0 if n < 20 or n > 40 else 0.0) for n in range(61)]
    cells = curve(values, started=20.0, ended=40.0).columns(30)
    text = "".join(glyph for glyph, _ in cells)
    assert len(text) == 30
    assert text[:10] == "█" * 10
    assert (text[10], text[20]) == ("▼", "▲")
    assert set(text[11:20]) == {"▁"}
    assert [phase for _, phase in cells].count(Phase.DURING) == 10


@pytest.mark.parametrize("width", [4, 7, 60, 200])
def test_a_curve_of_any_width_draws_every_column(width):
    values = [(float(n), None if n == 3 else float(n * 10)) for n in range(9)]
    cells = curve(values, started=4.0, ended=4.1).columns(width)
    assert len(cells) == width
    assert curve((), started=0.0, ended=None).columns(width) == []


def test_the_curve_of_a_kill_is_the_hit_rate_and_that_of_a_lock_the_log():
    kill = killed(4)
    (figures,) = seen(at(4.2, kill), at(0, kill)).found
    drawn = curve_of(figures)
    assert (drawn.label, drawn.before, drawn.now) == ("Hit rate", "96 %", "96 %")
    (figures,) = seen(at(20.1, locked(20, healed=8)), at(0, locked(20, healed=8))).found
    assert curve_of(figures).label == "Log depth"
    without = replace(figures, latest=replace(figures.latest, safeguards=LOG_OFF))
    assert curve_of(without) is None


def test_a_long_history_is_thinned_and_loses_no_read():
    points = tuple(Point(float(n), 10, n % 3, n) for n in range(1_001))
    thinned = incident_figures._thinned(incident_figures._thinned(points, 10.0), 10.0)
    assert thinned[:11] == points[:11]
    assert len(thinned) < 500
    assert sum(point.hits for point in thinned) == 10_010
    assert max(point.depth for point in thinned) == 1_000
    assert [point.at for point in thinned] == sorted(point.at for point in thinned)


def test_a_fault_that_lasts_long_keeps_its_figures_from_before():
    """The snapshot's history is five minutes; the lock lasts twenty."""
    lock = locked(1_200, healed=10)
    kept = IncidentHistory()
    for age in (1_201, *range(1_199, 0, -1)):
        history = tuple(
            Tick(NOW - age - back, hits=9, misses=1, depth=int(1_200 - age - back) + 100)
            for back in range(30, -1, -1)
        )
        kept = kept.after(at(age, lock, ticks=history))
    (figures,) = kept.found
    assert figures.before.at == NOW - 1_201
    assert figures.points[0].at < NOW - 1_200
    assert len(figures.points) <= 400


def test_a_low_card_keeps_the_most_important_lines():
    kill = killed(4)
    card = card_of(at(4.2, kill), at(2, kill))
    labels = ["Fault", "Callers", "p99", "Redis", "Hit rate", "Database", "Held by"]
    assert [line.label for line in card.lines(9)] == labels
    assert [line.label for line in card.lines(4)] == ["Callers", "Redis", "Database", "Held by"]
    assert [line.label for line in card.lines(6)] == [it for it in labels if it != "Fault"]
    assert [line.label for line in card.lines(1)] == ["Database"]
    assert card.lines(0) == card.lines(-3) == ()


def test_calls_that_the_workload_could_not_make_are_counted_apart():
    lock = locked(20, healed=8)
    writes = Writes(through=900, behind=8_000)
    before = at(20.1, lock, writes=writes, rate=100.0)
    failed = replace(writes, through=1_300, behind=8_296, unavailable=4)
    card = card_of(before, at(8, lock, writes=failed, rate=100.0))
    assert lines(card)["Callers"] == (
        "4 of 700 calls unavailable: 4 payments · about 510 not sent · 0 stale reads"
    )
    brief = next(fact.brief for fact in card.facts if fact.label == "Callers")
    assert brief == "4 payments unavailable · about 510 not sent"
    nearly = replace(failed, behind=8_750)
    card = card_of(before, at(8, lock, writes=nearly, rate=100.0))
    assert "not sent" not in lines(card)["Callers"], "a rate is not exact"
    card = card_of(before, at(8, lock, writes=failed, rate=50.0))
    assert "not sent" not in lines(card)["Callers"], "the rate was changed meanwhile"
