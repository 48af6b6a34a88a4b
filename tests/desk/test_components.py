"""What is said of each part, and of the books."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, DatabaseState, Health, Latencies, RedisState, Tick
from cachedesk.core.wording import TIMES
from cachedesk.desk.panels import hit_rate as hit_rate_panel
from cachedesk.desk.panels import lag, queue_depth, throughput
from cachedesk.desk.panels.hit_rate import hit_rate
from cachedesk.desk.panels.lag import harmed
from cachedesk.desk.views.charts import scale_count, scale_seconds
from cachedesk.desk.views.components import (
    database_view,
    log_view,
    redis_view,
    saved,
    state_mark,
    worker_view,
)
from cachedesk.desk.views.formats import ABSENT
from cachedesk.desk.views.headline import Tone
from cachedesk.desk.widgets.books import forms_of
from cachedesk.desk.widgets.event_list import one_line
from cachedesk.desk.widgets.top_line import facts_that_fit

from .scenes import ALL_DOWN, EMPTY, HEALTHY, MIB


def facts(view):
    return {fact.label: fact.value for fact in (view.lead, *view.facts)}


def test_the_four_parts():
    assert facts(redis_view(HEALTHY)) == {
        "memory": "12.3/64.0 MiB", "keys": "2,650", "evicted": "0", "restarts": "0",
    }  # fmt: skip
    assert facts(log_view(HEALTHY)) == {
        "depth": "96/100k", "oldest": "300 ms", "in flight": "64", "file": "1.20 MiB",
    }  # fmt: skip
    assert facts(worker_view(HEALTHY)) == {
        "batch": "500 or 200 ms", "rows": "127k", "saved": "47.5 %", "restarts": "0",
        "events": "241k",
    }  # fmt: skip
    assert facts(database_view(HEALTHY)) == {
        "holds": "2,904 rows", "disk": "13.0 MiB", "flush": "2.1 ms", "read": "240 µs",
    }  # fmt: skip


def test_what_is_not_known_is_no_zero():
    silent = replace(ALL_DOWN, redis=RedisState(Health.DOWN, "not answering", 0, 64 * MIB))
    view = redis_view(silent)
    assert view.lead.value == f"{ABSENT}/64.0 MiB"
    assert view.fill is None
    assert facts(view)["keys"] == ABSENT
    unreadable = replace(HEALTHY, database=DatabaseState(Health.DOWN, "not readable"))
    assert facts(database_view(unreadable))["holds"] == f"{ABSENT} rows"
    assert facts(database_view(unreadable))["disk"] == ABSENT


def test_bypasses_are_told_once_there_are_any():
    bypassed = replace(HEALTHY, redis=replace(HEALTHY.redis, bypasses=7))
    assert facts(redis_view(bypassed))["bypassed"] == f"7{TIMES}"
    assert "bypassed" not in facts(redis_view(HEALTHY))


def test_the_queue_counts_only_what_goes_through_it():
    ticks = tuple(
        Tick(at=n, writes=30, through=20, behind=10, applied=25, rows=5) for n in range(5)
    )
    queue = queue_depth.CHART
    notes = queue.notes(replace(HEALTHY, ticks=ticks, tick_seconds=0.5))
    assert notes[1] == ("20 in/s", "10 out/s")
    only_through = tuple(replace(tick, writes=20, behind=0, applied=20) for tick in ticks)
    assert queue.notes(replace(HEALTHY, ticks=only_through))[1] == ("0 in/s", "0 out/s")


def test_gauges_are_shares_of_a_limit_and_absent_without_one():
    assert redis_view(HEALTHY).fill == pytest.approx(12.3 / 64, abs=0.001)
    assert log_view(HEALTHY).fill == pytest.approx(0.00096)
    assert redis_view(EMPTY).fill is None
    assert log_view(EMPTY).fill is None


def test_the_last_error_is_shown_while_it_matters():
    assert worker_view(ALL_DOWN).note.startswith("the database does not answer")
    healed = replace(ALL_DOWN, worker=replace(ALL_DOWN.worker, health=Health.UP))
    assert worker_view(healed).note == ""


def test_saved():
    assert saved(12_001, 3_120) == "74.0 %"
    assert saved(5, 5) == "0 %"
    assert saved(0, 0) == "–"  # noqa: RUF001


def test_every_state_has_its_own_glyph():
    marks = [state_mark(health, "word") for health in Health] + [
        state_mark(Health.DOWN, "starting")
    ]
    assert [glyph for glyph, _ in marks] == ["●", "◐", "✗", "◌"]
    assert state_mark(Health.DOWN, "crashed")[1] is Tone.BROKEN


def test_hit_rate_of_no_reads_is_no_rate():
    assert hit_rate([Tick(1.0)], 0.5) is None
    assert hit_rate([], 0.0) is None
    assert hit_rate([Tick(1.0, hits=0, misses=5)], 0.5) == 0
    assert hit_rate([Tick(1.0, hits=1, misses=1), Tick(1.5, hits=2, misses=0)], 1.0) == 75


def test_harmed():
    assert not harmed([Tick(1.0)])
    assert harmed([Tick(1.0), Tick(1.5, stale=1)])
    assert harmed([Tick(1.0, unavailable=1)])


def test_every_panel_can_say_something_about_nothing_at_all():
    for panel in (hit_rate_panel, queue_depth, lag, throughput):
        assert panel.CHART.figure(EMPTY)
        assert all(panel.CHART.notes(EMPTY))


def test_unavailable_writes_count_as_well_as_reads():
    scene = replace(
        HEALTHY,
        reads=replace(HEALTHY.reads, unavailable=2),
        writes=replace(HEALTHY.writes, unavailable=3),
    )
    assert lag.CHART.notes(scene)[1] == ("stale 0", "unavailable 5")


def test_scale_of_seconds_fits_its_gutter():
    spans = [scale_seconds(value) for value in (0.2, 1.0, 30.0, 120.0, 1800.0, 36_000.0, 8_640_000)]
    assert spans == ["0.2 s", "1 s", "30 s", "2 m", "30 m", "10 h", "100 d"]


def test_scale_of_counts_fits_its_gutter():
    counts = [scale_count(value) for value in (10, 1_000, 8_000, 10_000, 600_000, 1e6, 2e9, 1e15)]
    assert counts == ["10", "1,000", "8,000", "10k", "600k", "1M", "2G", "1P"]


def test_every_form_of_the_books_says_bad_news_in_words():
    for form in forms_of(Books(10**15, 1, 2, 3)):
        assert "DO NOT BALANCE" in form.plain
    forms = forms_of(Books(12_345, 12_001, 344, 0))
    assert forms[0].plain == (
        "accepted 12,345  =  applied 12,001  +  pending 344  +  dead 0   ✓ balanced"
    )
    assert forms[-1].plain == "✓ balanced  12,345 = 12,001 + 344 + 0"


def test_facts_that_fit():
    assert facts_that_fit(("up 0:12", "article"), 20) == ("up 0:12", "article")
    assert facts_that_fit(("up 0:12", "article"), 19) == ("up 0:12",)
    assert facts_that_fit(("up 0:12", "article"), 3) == ()


def test_an_event_is_one_line():
    assert one_line("a\nb\t c\x1b[31m") == "a b c�[31m"


def test_a_worker_that_tries_in_vain_waits():
    tries = replace(HEALTHY.worker, word="flushing")
    locked = replace(HEALTHY.database, health=Health.DEGRADED, word="locked")
    ticks = tuple(replace(tick, applied=0, through=0) for tick in HEALTHY.ticks)
    shown = replace(HEALTHY, worker=tries, database=locked, ticks=ticks)
    assert worker_view(shown).word == "retrying"
    assert worker_view(replace(HEALTHY, worker=tries)).word == "flushing"


def test_what_was_not_measured_lately_is_no_time():
    shown = replace(HEALTHY, latencies=Latencies())
    assert facts(database_view(shown))["flush"] == facts(database_view(shown))["read"] == ABSENT


def test_the_parts_say_what_they_are_for():
    assert redis_view(HEALTHY).roles[0] == "copies, may be lost"
    unlogged = replace(HEALTHY, safeguards=Safeguards(log=False))
    assert redis_view(unlogged).roles == ("not only copies",)
    assert log_view(unlogged).roles == ()
