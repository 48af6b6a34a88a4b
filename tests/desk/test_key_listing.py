"""Filter and order of the keys, latencies on their scale, quantities as typed: pure decisions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.commands import SetBatch, SetMemory, SetRate
from cachedesk.core.snapshot import Latencies, Percentiles
from cachedesk.desk.views import quantities
from cachedesk.desk.views.controls import CONTROLS, EVICTION_POLICIES
from cachedesk.desk.views.formats import ABSENT
from cachedesk.desk.views.key_listing import Order, filtered, matches, pattern_of, severity
from cachedesk.desk.views.key_rows import rows_of
from cachedesk.desk.views.key_state import KeyState
from cachedesk.desk.views.latencies import path_lines, place, scale, stretch

from .scenes import HEALTHY, HOT


def keys(**how):
    return [row.key for row in rows_of(HOT, None, **how)]


def test_a_filter_is_a_part_of_the_key_or_a_pattern():
    assert matches(b"views:article:1", "ARTICLE")
    assert matches(b"views:article:1", "views:*")
    assert not matches(b"my:views:1", "views:*")
    assert matches(b"a[1]", "a[1]*")
    assert matches(b"\x00\xff", r"\xff")
    assert filtered(HOT, "") == HOT
    assert [key.key for key in filtered(HOT, "order")] == [b"order:1029"]


@given(st.sampled_from(["", "order", "views:*", "a?b"]))
def test_what_a_filter_lists_its_pattern_evicts(wanted):
    assert pattern_of(wanted) == (wanted if "*" in wanted or "?" in wanted or not wanted
                                  else f"*{wanted}*")  # fmt: skip


def test_orders():
    assert keys()[0] == b"views:article:1"
    assert keys(order=Order.KEY) == sorted(key.key for key in HOT)
    assert keys(order=Order.PENDING)[:2] == [b"analytics:clicks", b"views:article:1"]
    worst = rows_of(HOT, None, order=Order.STATE)
    assert [severity(row.state) for row in worst] == sorted(severity(row.state) for row in worst)
    assert {severity(state) for state in KeyState} == set(range(len(KeyState)))


def test_orders_go_round():
    order = Order.USES
    for _ in Order:
        order = order.next
    assert order is Order.USES


def test_a_filter_lists_no_key_that_does_not_match():
    assert rows_of(HOT, b"order:1029", filter_text="hq") == ()
    assert all(
        row.key.startswith(b"views:") for row in rows_of(HOT, b"order:1", filter_text="views:*")
    )


def test_a_selected_key_that_is_no_longer_hot_stays_while_it_is_wanted():
    for wanted in ("", "views:*"):
        rows = rows_of(HOT, b"views:gone", filter_text=wanted)
        assert (rows[-1].key, rows[-1].state) == (b"views:gone", KeyState.COOLED)


def test_a_dead_letter_is_a_state():
    dead = (replace(HOT[1], dead=1),)
    assert rows_of(dead, None)[0].state is KeyState.DEAD_LETTER


@given(st.floats(0, 100), st.integers(2, 200))
def test_every_time_has_a_place_on_the_scale(seconds, width):
    assert 0 <= place(seconds, width) < width


@given(st.integers(16, 200))
def test_scale_and_bars_are_as_wide_as_asked(width):
    assert len(scale(width)) == width
    for times in (Percentiles(), Percentiles(5, 1e-4, 2e-3, 9.0), Percentiles(1, 99.0, 99.0, 99)):
        assert len(stretch(times, width)) == width


def test_what_was_not_measured_is_not_zero():
    assert {line.p50 for line in path_lines(Latencies())} == {ABSENT}
    assert path_lines(HEALTHY.latencies)[0].p50 == "130 µs"


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (quantities.count, " 2,000 ", 2000),
        (quantities.seconds, "200ms", 0.2),
        (quantities.seconds, "2 s", 2.0),
        (quantities.size, "8mb", 8 * 1024**2),
        (quantities.size, "1.5 GiB", 1536 * 1024**2),
        (quantities.rate, "500/s", 500),
        (quantities.share, "25 %", 0.25),
    ],
)
def test_quantities(parse, text, value):
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "parse",
    [quantities.count, quantities.seconds, quantities.size, quantities.rate, quantities.share],
)
@given(text=st.text(max_size=12))
def test_whatever_is_typed_is_an_amount_or_refused_in_words(parse, text):
    with suppress(quantities.InvalidQuantity):
        assert parse(text) >= 0


@given(st.floats(0.001, 1e9), st.sampled_from([1, -1]))
def test_steps_go_the_right_way_and_back(value, direction):
    next_one = quantities.stepped(value, direction)
    assert (next_one > value) == (direction > 0)
    assert (quantities.stepped(next_one, -direction) - value) * direction <= value * 1e-6


def test_knobs_make_commands_of_what_is_typed_and_of_steps():
    by_name = {control.name: control for control in CONTROLS}
    assert by_name["batch-events"].typed("2,000") == SetBatch(events=2000)
    assert by_name["batch-events"].stepped(HEALTHY, 1) == SetBatch(events=1000)
    assert by_name["batch-age"].stepped(HEALTHY, -1) == SetBatch(age_seconds=0.1)
    assert by_name["rate"].typed("max") == SetRate(None)
    assert by_name["rate"].stepped(HEALTHY, 1) == SetRate(5000.0)
    assert by_name["maxmemory"].typed("8mb") == SetMemory(maxmemory_bytes=8 * 1024**2)
    assert by_name["maxmemory"].stepped(HEALTHY, 1) == SetMemory(maxmemory_bytes=128 * 1024**2)
    assert by_name["eviction-policy"].stepped(HEALTHY, 1) == SetMemory(
        eviction_policy=EVICTION_POLICIES[1]
    )
    with pytest.raises(quantities.InvalidQuantity, match="allkeys-lru"):
        by_name["eviction-policy"].typed("sometimes")
    assert by_name["eviction-policy"].typed("volatile-lru") == SetMemory(
        eviction_policy="volatile-lru"
    )
