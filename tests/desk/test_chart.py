"""A chart of any size, over any data: every line as wide as the chart, every bar within it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.snapshot import Mark, Tick
from cachedesk.desk.panels import hit_rate, lag, queue_depth, throughput
from cachedesk.desk.views.chart_layout import GUTTER, Rows, flowed, joined
from cachedesk.desk.views.chart_lines import ChartLines, Part, Scale, plot
from cachedesk.desk.views.chart_view import ChartView, Columns
from cachedesk.desk.views.scales import fitted
from cachedesk.desk.views.timespan import WINDOWS, Timespan

from .scenes import ALL_DOWN, HEALTHY, NOW

CHARTS = (hit_rate.CHART, queue_depth.CHART, lag.CHART, throughput.CHART)
BLOCKS = " ▁▂▃▄▅▆▇█"

ANY_TICK = st.builds(
    Tick,
    at=st.floats(NOW - 400, NOW),
    hits=st.integers(0, 10**9),
    misses=st.integers(0, 10**9),
    writes=st.integers(0, 10**9),
    depth=st.integers(0, 10**12),
    lag_seconds=st.floats(allow_subnormal=False),
    stale=st.integers(0, 2),
)
ANY_MARK = st.builds(
    Mark,
    name=st.sampled_from(["redis.kill", "database.lock", "x"]),
    start_at=st.floats(NOW - 400, NOW),
    end_at=st.none() | st.just(NOW),
)
ANY_VIEW = st.builds(
    ChartView,
    figure=st.text(max_size=30),
    notes=st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple)).map(tuple),
    at=st.just(NOW),
    timespan=st.builds(Timespan, st.sampled_from(WINDOWS), st.sampled_from([0.0, 30.0, 300.0])),
    tick_seconds=st.sampled_from([0.1, 0.5, 1.0]),
    ticks=st.lists(ANY_TICK, max_size=30).map(
        lambda ticks: tuple(sorted(ticks, key=lambda tick: tick.at))
    ),
    marks=st.lists(ANY_MARK, max_size=4).map(tuple),
)


def drawn(view, width=40, height=10, *, chart=queue_depth.CHART, framed=True):
    """Return the pieces of each line and the columns."""
    lines = ChartLines(3, "Queue depth", view, width, height, framed)
    columns = Columns.of(chart, view, lines.window)
    top = fitted(chart.least_top, columns.highest, chart.least_top, chart.step)
    return lines.drawn(columns, Scale(top, chart.scale(top))), columns


def texts(lines):
    return ["".join(text for text, _ in line) for line in lines]


def levels(bars, column):
    return sum(BLOCKS.index(row[column][0]) for row in bars)


@given(
    ANY_VIEW,
    st.sampled_from(CHARTS),
    st.integers(1, 200),
    st.integers(1, 60),
    st.booleans(),
)
def test_any_chart_is_drawn_within_its_size(view, chart, width, height, framed):
    lines, columns = drawn(view, width, height, chart=chart, framed=framed)
    assert 1 <= len(lines) <= height
    least = max(width, GUTTER + 1)
    for text in texts(lines):
        assert cell_len(text) <= least, text
    assert len(columns.values) == max(1, width - GUTTER)


@given(ANY_VIEW, st.sampled_from(CHARTS), st.integers(10, 100), st.integers(2, 30))
def test_each_bar_has_its_crest_at_its_top(view, chart, width, height):
    _, columns = drawn(view, width, height, chart=chart)
    calm = replace(columns, alerts=(False,) * len(columns.values))
    top = max(chart.least_top, columns.highest)
    bars = [row[1:] for row in plot(calm, Scale(top, ""), height)]
    assert len(bars) == height
    for column, value in enumerate(calm.values):
        cells = [row[column] for row in bars]
        filled = [part for cell, part in cells if cell != " "]
        assert bool(filled) == ((value or 0) > 0), "something is drawn for every value above 0"
        crest = filled.count(Part.CREST)
        assert filled[:crest] == [Part.CREST] * crest
        assert set(filled[crest:]) <= {Part.BAR}
        assert 1 <= crest <= 2 or not filled


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=40), st.integers(1, 30))
def test_a_higher_value_is_never_drawn_lower(values, height):
    columns = Columns(tuple(values), (False,) * len(values), (True,) * len(values), "")
    bars = [row[1:] for row in plot(columns, Scale(max(*values, 10.0), ""), height)]
    order = sorted(range(len(values)), key=values.__getitem__)
    heights = [levels(bars, column) for column in order]
    assert heights == sorted(heights)


@pytest.mark.parametrize(
    ("chart", "usual"),
    [
        (queue_depth.CHART, {"depth": 5}),
        (lag.CHART, {"lag_seconds": 0.2}),
        (throughput.CHART, {"hits": 5}),
    ],
    ids=["queue depth", "lag", "throughput"],
)
def test_usual_values_fill_more_than_a_row(chart, usual):
    ticks = tuple(Tick(NOW - 0.5 * age, **usual) for age in range(200, -1, -1))
    lines, _ = drawn(ChartView(at=NOW, ticks=ticks), 38, 7, chart=chart)
    full = [line for line in texts(lines) if line.endswith("█")]
    assert len(full) > 1, texts(lines)


def test_a_chart_of_the_usual_desk_gives_most_of_its_rows_to_data():
    calm = Rows.within(7, framed=True, notes=2)
    assert calm.plot == 5
    assert Rows.within(7, framed=True, notes=2, names=1).plot == 4
    assert Rows.within(9, framed=False, notes=2).plot == 5


def test_rows_of_a_chart_always_leave_a_plot():
    for height in range(1, 80):
        for framed in (True, False):
            for names in range(4):
                rows = Rows.within(height, framed=framed, notes=7, names=names)
                assert rows.plot >= 1
                parts = rows.title + rows.notes + rows.plot + 1 + rows.names + rows.time
                assert parts == height or rows.plot == 1
                assert rows.plot >= (rows.notes + rows.names) or height < 8


def test_there_is_a_line_of_names_only_when_there_is_a_name():
    view = ChartView(at=NOW, ticks=HEALTHY.ticks)
    calm = texts(drawn(view)[0])
    told = texts(drawn(replace(view, marks=(Mark("redis.kill", NOW - 20, NOW - 20),)))[0])
    assert calm[-1].strip().startswith("0┼")
    assert told[-1].strip() == "redis.kill"
    assert len(calm) == len(told)


def test_what_was_before_the_history_is_blank_and_says_since_when():
    ticks = tuple(Tick(NOW - 0.5 * age, depth=5) for age in range(30, -1, -1))
    lines, columns = drawn(ChartView(at=NOW, ticks=ticks), 46, 8)
    blank = columns.covered.index(True)
    assert blank > 20
    *rows, foot = texts(lines)
    assert all(row[GUTTER : GUTTER + blank].strip() == "" for row in rows)
    assert foot[GUTTER : GUTTER + blank].strip().startswith("since ")
    assert foot[GUTTER + blank :] == "─" * (40 - blank)
    struck = ChartView(at=NOW, ticks=ticks, marks=(Mark("redis.kill", NOW - 40, NOW - 40),))
    assert "since" not in texts(drawn(struck, 46, 8)[0])[-2]


def test_nothing_is_drawn_of_no_history():
    lines, _ = drawn(ChartView(at=NOW), 40, 8)
    assert {text.strip("│┤ ") for text in texts(lines)} == {"10", "", "0┼"}


def test_a_full_history_has_no_beginning():
    ticks = tuple(Tick(NOW - 0.5 * age, depth=5) for age in range(600, -1, -1))
    assert not drawn(ChartView(at=NOW, ticks=ticks))[1].since
    gap = tuple(tick for tick in ticks if not NOW - 70 < tick.at < NOW - 20)
    assert not drawn(ChartView(at=NOW, ticks=gap))[1].since, "the history is older than the gap"


def test_harm_is_noted_first_while_it_is_visible():
    assert lag.CHART.notes(HEALTHY)[0][0].startswith("p50")
    assert lag.CHART.notes(ALL_DOWN)[0][0].startswith("stale")


def test_notes_share_a_line_if_there_are_fewer_rows():
    notes = (("last minute 96 %",), ("since the start 97 %",), ("views: 98 %",))
    assert flowed(notes, 40, 3) == notes
    assert flowed(notes, 40, 2) == (("last minute 96 %", "since the start 97 %"), ("views: 98 %",))
    assert flowed(notes, 30, 1) == (("last minute 96 %",),)
    assert flowed(notes, 30, 0) == ()


def test_notes_are_joined_as_widely_as_there_is_room():
    pieces = ("stale 4", "unavailable 9")
    assert joined(pieces, 30) == "stale 4 · unavailable 9"
    assert joined(pieces, 22) == "stale 4, unavailable 9"
    assert joined(pieces, 21) == "stale 4 unavailable 9"
    assert joined((), 21) == ""
