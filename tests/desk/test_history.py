"""The time axis: the same ticks always share a column, and faults stand where they happened."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.snapshot import Mark, Tick
from cachedesk.desk.views.flow_model import flow_model
from cachedesk.desk.views.history import AxisCell, Window, axis, recent
from cachedesk.desk.views.mark_names import Name, mark_names, numbers_on_axis

from .scenes import HEALTHY, REDIS_DOWN

NOW = 1_000_000.0


def window(width=30, per_column=1, newest=NOW):
    return Window(width, 0.5, per_column, newest)


def drawn(marks, over):
    return "".join(cell.value for cell in axis(marks, over))


def test_a_narrow_chart_shows_a_minute_all_the_same():
    assert Window.ending(NOW, 0.5, 20).seconds >= 60
    assert Window.ending(NOW, 0.5, 20).ticks_per_column == 6
    assert Window.ending(NOW, 0.5, 400).ticks_per_column == 1
    assert Window.ending(NOW, 0.0, 0).ticks_per_column >= 1, "a broken source is no crash"


def test_the_newest_tick_is_in_the_last_column():
    over = window()
    assert over.column(NOW) == 29
    assert over.column(NOW - 0.5) == 28
    assert over.column(NOW - 20) < 0


@given(st.integers(1, 9), st.floats(-0.2, 0.2), st.integers(0, 5000))
def test_ticks_that_share_a_column_share_it_in_every_later_drawing(per_column, late, ago):
    at = [NOW - 0.5 * ago, NOW - 0.5 * ago - 0.5 + late]
    first = window(3000, per_column, NOW)
    later = window(3000, per_column, NOW + 0.5 * per_column)
    assert [first.column(t) - 1 for t in at] == [later.column(t) for t in at]


def test_a_late_timer_neither_skips_nor_doubles_a_column():
    late = (0.0, 0.1, -0.12, 0.2, -0.2, 0.05)
    ticks = [Tick(NOW - 0.5 * index + late[index % 6]) for index in reversed(range(30))]
    over = Window(30, 0.5, 1, ticks[-1].at)
    assert [len(bucket) for bucket in over.buckets(ticks)] == [1] * 30


def test_missing_ticks_leave_their_column_empty():
    ticks = [Tick(NOW - 5), Tick(NOW)]
    filled = [index for index, bucket in enumerate(window().buckets(ticks)) if bucket]
    assert filled == [19, 29]


def test_a_clock_that_is_slow_leaves_no_hole_where_ticks_came():
    """On a busy machine each tick comes a little late, and now and then one very late."""
    late = [Tick(NOW - 0.62 * age) for age in reversed(range(60))]
    for per_tick in (1, 3):
        window = Window(30 * per_tick, 0.5, 1, NOW, per_tick)
        assert all(window.buckets(late))
        held_up = [tick for tick in late if not NOW - 8 < tick.at < NOW - 7]
        assert all(window.buckets(held_up))
        assert not all(window.buckets([one for one in late if not NOW - 8 < one.at < NOW - 5]))


def test_a_rate_is_of_the_state_there_is_now():
    ago = (2.0, 1.5, 1.0, 0.5, 0.0)
    ticks = tuple(Tick(NOW - age, hits=100) for age in ago)
    scene = replace(HEALTHY, at=NOW + 0.2, ticks=ticks, marks=())
    assert recent(scene) == ticks
    began = replace(scene, marks=(Mark("database.lock", NOW - 1.1),))
    assert recent(began) == ticks[-2:], "the tick in which it began is of both"
    healed = replace(scene, marks=(Mark("database.lock", NOW - 60, NOW - 0.55),))
    assert recent(healed) == ticks[-1:]
    just_now = replace(scene, marks=(Mark("database.lock", NOW + 0.1),))
    assert recent(just_now) == ticks[-1:], "nothing newer is known"


def test_without_redis_no_hit_of_before_is_told():
    died = [Tick(NOW - age, hits=0 if age < 1.2 else 90, misses=9) for age in (2, 1.5, 1, 0.5, 0)]
    down = replace(REDIS_DOWN, at=NOW, ticks=tuple(died), marks=())
    assert [tick.hits for tick in recent(down)] == [0, 0, 0]
    at_once = replace(down, ticks=tuple(died[:2]))
    assert flow_model(at_once).hit.label == "hit 0/s"


def test_marks_on_the_axis():
    over = window(10)
    assert drawn([], over) == "─" * 10
    assert drawn([Mark("a", NOW - 3, NOW - 1)], over) == "───▼━━━▲──"
    assert drawn([Mark("a", NOW - 3)], over) == "───▼━━━━━━", "still on"
    assert drawn([Mark("a", NOW - 60, NOW - 1)], over) == "━━━━━━━▲──", "began before"
    assert drawn([Mark("a", NOW - 60, NOW - 50)], over) == "─" * 10
    assert drawn([Mark("a", NOW - 1, NOW - 1)], over) == "───────◆──", "too short to see"
    two = [Mark("a", NOW - 4, NOW - 2), Mark("b", NOW - 3, NOW - 2)]
    assert drawn(two, over) == "─▼━▼━▲────"
    assert AxisCell.BOTH.value == "◆"


def test_names_of_faults():
    over = window(20)
    assert lines([Mark("kill", NOW - 5, NOW - 4)], over) == [[Name(9, "kill", False)]]
    assert lines([Mark("redis.down", NOW - 1)], over) == [[Name(10, "redis.down", True)]]
    assert lines([Mark("old", NOW - 99, NOW - 98)], over) == []


def lines(marks, over, rows=1):
    return [list(line) for line in mark_names(marks, over, rows).lines]


def test_where_not_every_name_fits_each_fault_has_a_number():
    """Else a name stands under the wrong fault, or an active one has none."""
    over = window(60)
    marks = [
        Mark("redis.down", NOW - 15, NOW - 14.5),
        Mark("database.lock", NOW - 14),
        Mark("worker.crash", NOW - 12, NOW - 12),
    ]
    names = mark_names(marks, over)
    texts = [name.text for name in names.lines[0]]
    assert texts == ["① redis.down", "② database.lock", "③ worker.crash"], "as on the axis"
    assert [name.active for name in names.lines[0]] == [False, True, False]
    at = numbers_on_axis(marks, over, names.numbers)
    columns = [over.column(mark.start_at) for mark in marks]
    assert at == dict(zip(columns, "①②③", strict=True))
    narrow = mark_names(marks, window(32)).lines[0]
    assert [name.text for name in narrow] == ["① down", "② lock", "③ crash"]
    at_once = [replace(mark, start_at=NOW - 3, end_at=mark.end_at and NOW - 2) for mark in marks]
    short = mark_names(at_once, window(13))
    assert [name.text for name in short.lines[0]] == ["② lock", "+2"], "active first"
    assert short.numbers == {"database.lock": "②"}, "no number stands on the axis unexplained"


def test_every_name_is_told_where_they_fit_more_closely():
    faults = ("redis.kill", "redis.down", "database.lock", "worker.crash")
    marks = [Mark(name, NOW - 9 + at, NOW - 8.9 + at) for at, name in enumerate(faults)]
    told = mark_names(marks, window(31)).lines[0]
    assert [name.text for name in told] == ["① kill", "② down", "③ lock", "④ crash"]


def test_a_fault_that_strikes_again_keeps_its_number():
    over = window(60)
    marks = [Mark("redis.kill", NOW - ago, NOW - ago) for ago in (9, 8, 7, 6)]
    names = mark_names([*marks, Mark("database.lock", NOW - 99)], over)
    assert [name.text for name in names.lines[0]] == ["① database.lock", "② redis.kill"]
    at = numbers_on_axis([*marks, Mark("database.lock", NOW - 99)], over, names.numbers)
    assert at[0] == "①", "what began before the window is numbered where it is first seen"
    assert sorted(at.values()) == ["①"] + ["②"] * 4


def test_a_fault_that_is_not_named_is_counted():
    faults = ("redis.kill", "redis.down", "worker.crash", "worker.pause")
    marks = [Mark(name, NOW - 9 + at, NOW - 8.9 + at) for at, name in enumerate(faults)]
    told = mark_names(marks, window(20), margin=6)
    assert [name.text for name in told.lines[0]] == ["③ crash", "④ pause", "+2 earlier"]
    locked = mark_names([Mark("database.lock", NOW - 12), *marks], window(19), margin=6)
    assert [name.text for name in locked.lines[0]] == ["① lock", "⑤ pause", "+3 more"], (
        "the active one is older than those that are left out"
    )


def test_faults_of_one_column_have_their_numbers_side_by_side():
    over = window(20)
    marks = [Mark(name, NOW - 5) for name in ("database.lock", "redis.down", "log.full")]
    names = mark_names(marks, over, margin=6)
    at = numbers_on_axis(marks, over, names.numbers)
    assert at == {9: "①", 10: "②", 11: "③"}
    newest = [replace(mark, start_at=NOW) for mark in marks]
    at = numbers_on_axis(newest, over, mark_names(newest, over, margin=6).numbers)
    assert at == {19: "①", 18: "②", 17: "③"}, "there is no column to the right"
    hidden = numbers_on_axis(marks, over, names.numbers, taken=[9])
    assert hidden == {10: "①", 11: "②", 12: "③"}, "the cursor stands there"


@given(
    st.lists(st.tuples(st.integers(0, 11), st.floats(0, 40), st.booleans()), max_size=12),
    st.integers(6, 60),
    st.integers(1, 3),
    st.none() | st.integers(0, 5),
)
def test_the_axis_and_the_legend_have_the_same_numbers(faults, width, rows, cursor):
    over = window(width)
    marks = [Mark(f"part.f{name}", NOW - ago, None if on else NOW) for name, ago, on in faults]
    names = mark_names(marks, over, rows, margin=6)
    if not names.numbers:
        return
    taken = [] if cursor is None else [cursor]
    at = numbers_on_axis(marks, over, names.numbers, taken)
    legend = [name.text.partition(" ") for name in chain.from_iterable(names.lines)]
    listed = [number for number, _, _ in legend if not number.startswith("+")]
    assert listed == sorted(listed)
    if len(names.numbers) + len(taken) <= width:
        assert set(at.values()) == set(listed)
    assert cursor not in at
    seen = {mark.name for mark in marks if over.column(mark.start_at) >= 0 or mark.end_at is None}
    counted = sum(int(number) for number, _, _ in legend if number.startswith("+"))
    assert len(listed) + counted <= len({mark.name for mark in marks})
    assert len(listed) + counted >= len(seen)


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.integers(1, 12), st.booleans()),
        max_size=8,
    ),
    st.integers(1, 60),
    st.integers(0, 3),
)
def test_names_never_overlap_nor_leave_the_line(faults, width, rows):
    marks = [Mark("n" * size, NOW - ago, None if on else NOW) for ago, size, on in faults]
    found = mark_names(marks, window(width), rows)
    assert len(found.lines) <= rows
    for line in found.lines:
        end = -1
        for name in line:
            assert name.column > end
            end = name.column + len(name.text)
            assert end <= width
    texts = [name.text for name in chain.from_iterable(found.lines)]
    named = {text.partition(" ")[2] or text for text in texts}
    left_out = any(text.startswith("+") for text in texts)
    if rows and width >= 16 and not left_out:
        seen = {mark.name for mark in marks if window(width).column(mark.start_at) >= 0}
        assert seen <= named
