"""The inspector's words, its timeline, and the screen that shows them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App

from cachedesk.core.commands import EvictKey
from cachedesk.core.events import Op
from cachedesk.core.key_report import AnswerSource, RecentWrite
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.views import key_timeline as timeline_module
from cachedesk.desk.views.formats import ABSENT
from cachedesk.desk.views.key_explained import (
    equations,
    in_words,
    letter_lines,
    places,
    policy_line,
    step_rows,
    value_text,
    verdict,
    what_text,
)
from cachedesk.desk.views.key_timeline import (
    MOST_BARS,
    WINDOWS,
    Fate,
    Timeline,
    bars,
    stage_rows,
    window_seconds,
)
from cachedesk.desk.widgets.fold import Fold, column_widths

from . import reports
from .piloting import screen_text, until
from .reports import PENDING, REPORTS, held, past, waiting
from .scenes import NOW

SIZES = ((60, 20), (80, 24), (120, 40))
LONG = replace(reports.MANY, writes=reports.MANY.writes[-MOST_BARS:])


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pending", "Redis answers: it holds 10,483, the same as the truth"),
        ("fresh", "Redis answers: it holds 10,483, the same as the truth"),
        ("evicted", "Row + 2 pending answer: Redis has no copy; folded, the value is 10,483"),
        (
            "redis-away",
            "Row + 2 pending answer: Redis does not answer; folded, the value is 10,483",
        ),
        ("nothing-answers", "Nothing can answer: Redis does not answer and SQLite cannot be read"),
        (
            "stale",
            "Redis answers: it holds 10,400, but the truth is 10,483: the copy is STALE",
        ),
        (
            "absent",
            "SQLite answers: Redis has no copy, nothing is pending; there is no such key",
        ),
        ("dead", "Row + 3 pending answer: Redis has no copy; folded, the key is absent"),
    ],
)
def test_who_answers_and_why(name, says):
    judged = verdict(REPORTS[name])
    assert f"{judged.source}: {judged.why}" == says


def test_who_answers_in_the_other_cases():
    moving = verdict(replace(reports.STALE, moving=True)).why
    assert "the key is being written" in moving
    assert "STALE" not in moving
    blind = replace(reports.NOTHING_ANSWERS, cached=held(b"7"), source=AnswerSource.REDIS)
    assert "SQLite cannot be read to confirm it" in verdict(blind).why
    decided = replace(reports.NOTHING_ANSWERS, truth=held(b"7"), source=AnswerSource.LOG)
    assert "by the pending events, the value is 7" in verdict(decided).why
    deleted = replace(reports.ABSENT, row_seq=9)
    assert verdict(deleted).why.endswith("the key was deleted")
    row = replace(reports.FRESH, cached=held(None), agrees=None, source=AnswerSource.DATABASE)
    assert verdict(row).why.endswith("the row holds 10,483")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pending", "row 10,480 @ seq 912 + 2 pending = 10,483"),
        ("fresh", "row 10,483 @ seq 921 + nothing pending = 10,483"),
        ("nothing-answers", "row ? + 2 pending = unknown"),
        ("absent", "no row + nothing pending = absent"),
        ("dead", "row 10,480 @ seq 912 + 3 pending = absent"),
        ("many", "row 10,480 @ seq 912 + 49,912 pending = 60,392"),
    ],
)
def test_the_fold_in_a_line(name, line):
    forms = equations(REPORTS[name])
    assert forms[0] == line
    assert [len(form) for form in forms] == sorted(map(len, forms), reverse=True)
    assert equations(replace(reports.ABSENT, row_seq=9))[0].startswith("deleted row @ seq 9")


def test_the_fold_step_by_step():
    first, second = step_rows(PENDING)
    assert (first.glyph, first.seq, first.what) == ("▸", "918", "incr +1")
    assert (first.age, first.after, first.note) == ("620 ms", "10,481", "in flight")
    assert (second.glyph, second.what, second.after, second.note) == ("+", "incr +2", "10,483", "")
    skipped, *rest = step_rows(reports.MANY)
    assert (skipped.what, skipped.after, len(rest)) == ("49,812 earlier events", "60,292", 100)
    _, refused, deleted = step_rows(reports.DEAD)
    assert refused.glyph == "✗"
    assert "not a 64-bit integer" in refused.note
    assert (deleted.what, deleted.after) == ("delete", ABSENT)
    already = replace(PENDING, steps=(replace(PENDING.steps[0], in_row=True),))
    assert step_rows(already)[0].note == "already in the row"
    assert [row.after for row in step_rows(reports.NOTHING_ANSWERS)] == ["?", "?"]


def test_the_places():
    redis, log, sqlite = places(PENDING)
    assert (redis.word, redis.value, redis.facts) == ("the truth", "10,483", ("no expiry",))
    assert (log.value, log.facts) == ("2 pending", ("oldest 620 ms", "1 in flight"))
    assert (sqlite.word, sqlite.value, sqlite.facts) == ("behind", "10,480", ("row @ seq 912",))
    assert [place.value for place in places(reports.NOTHING_ANSWERS)] == ["?", "2 pending", "?"]
    away, _, gone = places(reports.NOTHING_ANSWERS)
    assert "Connection refused" in away.error
    assert "unable to open" in gone.error
    assert [place.word for place in places(reports.ABSENT)] == ["no copy", "empty", "no row"]
    assert places(reports.STALE)[0].word == "STALE"
    assert places(replace(reports.STALE, moving=True))[0].word == "changing"
    assert places(reports.DEAD)[1].facts[0] == "1 dead letter"
    assert places(replace(reports.ABSENT, row_seq=9))[2].facts == ("deleted @ seq 9",)
    assert places(replace(PENDING, agrees=None))[0].word == "unchecked"
    assert places(reports.ODD)[0].facts == ("no expiry", "8.80 KiB")


def test_the_time_to_live():
    assert places(replace(PENDING, ttl_seconds=12.0))[0].facts == ("expires in 12.0 s",)
    assert places(replace(PENDING, ttl_known=False))[0].facts == ("expiry unknown",)
    lasting = replace(PENDING, row_expires_at=PENDING.at + 12.0)
    assert places(lasting)[2].facts[1] == "expires in 12.0 s"
    row = replace(reports.ABSENT, row_seq=9)
    expired = replace(row, row_expires_at=row.at - 12.0)
    assert places(expired)[2].facts == ("expired 12.0 s ago", "row @ seq 9")
    assert "the key has expired" in verdict(expired).why


def test_a_step_tells_the_deadline_that_it_gives():
    step, at = PENDING.steps[0], PENDING.at
    set_ = replace(step, op=Op.SET, arg=b"paid", expires_at=at + 12.0)
    expire = replace(step, op=Op.EXPIRE, arg=None, expires_at=at + 12.0)
    steps = (set_, expire, replace(expire, expires_at=None))
    rows = step_rows(replace(PENDING, steps=steps, skipped=0))
    assert [row.what for row in rows] == [
        "set paid, expires in 12.0 s",
        "expire, expires in 12.0 s",
        "persist",
    ]


def test_the_policy_and_what_gave_it():
    assert policy_line(PENDING) == "write-behind (views:*)"
    assert policy_line(reports.STALE) == "write-through (no pattern matches)"


def test_values_are_told_from_our_own_signs():
    texts = [
        value_text(held(v)) for v in (b"10483", b"10,483", b"?", ABSENT.encode(), b"-7", b"-0")
    ]
    assert texts == ["10,483", '"10,483"', '"?"', f'"{ABSENT}"', "-7", "-0"]
    assert value_text(held(b"007")) == "007"
    assert value_text(held(b"")) == '""'
    assert value_text(held(None)) == ABSENT
    assert in_words(held(None)) == "absent"
    assert value_text(held(b"v" * 5000)).endswith("…")
    assert value_text(held("値".encode() * 1000)).startswith("値値")
    assert what_text(Op.INCR, -5) == "incr -5"
    assert what_text(Op.SET, b"[b]\n") == r"set [b]\x0a"


def test_a_dead_letter_in_a_line():
    (line,) = letter_lines(reports.DEAD.letters)
    assert line.startswith("dead letter 907  incr: the trigger says_no refuses it")


@given(value=st.binary(max_size=300), width=st.integers(1, 60))
def test_no_value_is_wider_than_its_room_or_breaks_the_line(value, width):
    text = value_text(held(value), width)
    assert cell_len(text) <= width
    assert text.isprintable()


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [30, 52, 76, 114])
def test_the_columns_of_the_fold_fit(name, width):
    rows = step_rows(REPORTS[name])
    widths = column_widths(rows, width)
    note_gap = 2 if widths[-1] else 0
    if name != "odd" or width > 52:
        assert 2 + sum(widths) + 6 + note_gap <= width
    assert all(cells >= 0 for cells in widths)


# -- the timeline --------------------------------------------------------------------------------


def on(*writes, since=0.0):
    return replace(PENDING, writes=writes, writes_since=since)


def line(seconds=5.0, width=50):
    return Timeline(NOW, seconds, width)


def drawn(*writes):
    return bars(on(*writes), line(), 20)[0]


@pytest.mark.parametrize(
    ("writes", "seconds"),
    [
        ((), 5.0),
        ((past(1, 0.3, 0.1),), 1.0),
        ((past(1, 3.0, 0.1),), 5.0),
        ((past(1, 59.0, 0.1),), 60.0),
        ((past(1, 7200.0, 0.1),), 60.0),
        ((waiting(1, 40.0), past(2, 0.5, 0.1)), 60.0),
        ((waiting(1, 200.0),), 300.0),
        ((waiting(1, 9e6),), 1800.0),
        (tuple(past(n, 50.0 - n, 0.1) for n in range(50)), 15.0),
    ],
)
def test_the_window_is_the_shortest_that_shows_what_matters(writes, seconds):
    assert window_seconds(on(*writes)) == seconds


def test_the_window_does_not_jump_between_two_scales():
    assert window_seconds(on(past(1, 4.6, 0.1)), before=15.0) == 15.0
    assert window_seconds(on(past(1, 3.0, 0.1)), before=15.0) == 5.0
    assert window_seconds(on(past(1, 6.0, 0.1)), before=5.0) == 15.0


def test_the_gap_is_drawn_to_scale():
    for lag in (0.2, 0.5, 1.0, 2.0):
        (bar,) = drawn(past(1, 3.0, lag))
        assert bar.cells.index("■") - bar.cells.index("●") == pytest.approx(lag * 10, abs=1)
        assert bar.fate is Fate.APPLIED
        assert bar.cells.strip(" ").strip("●■") == "━" * (len(bar.cells.strip(" ")) - 2)


def test_what_waits_reaches_for_now_in_signs_of_its_own():
    (bar,) = drawn(waiting(1, 2.0))
    assert bar.cells == " " * 30 + "●" + "╌" * 18 + "▶"
    assert (bar.gap, bar.fate) == ("2.0 s…", Fate.WAITING)
    (long,) = drawn(waiting(1, 200.0))
    assert long.cells == "◂" + "╌" * 48 + "▶"


def test_whether_redis_had_it_is_seen_without_colour():
    (never,) = drawn(waiting(1, 2.0, cached=False))
    assert never.cells[30] == "○"
    late = replace(past(1, 3.0, 1.0), cached_at=NOW - 2.5)
    (bar,) = drawn(late)
    assert bar.cells.strip() == "○━━━━◆━━━━■"


def test_the_other_fates():
    dead, unclear, through = drawn(
        RecentWrite(1, Op.SET, NOW - 3.0, dead=True),
        RecentWrite(2, Op.SET, NOW - 2.0),
        RecentWrite(3, Op.SET, NOW - 1.0, NOW - 1.0, NOW - 1.0),
    )
    assert (dead.cells.strip(), dead.gap, dead.fate) == ("✗", "dead", Fate.DEAD)
    assert (unclear.cells.strip(), unclear.gap, unclear.fate) == ("○", "?", Fate.UNCLEAR)
    assert (through.cells.strip(), through.gap) == ("■", "0 s")


def test_bars_are_of_the_newest_writes_in_sight_the_newest_last():
    found = drawn(past(1, 100.0, 0.1), past(2, 6.0, 2.0), past(3, 1.0, 0.1))
    assert [bar.seq for bar in found] == ["2", "3"]


def test_of_a_busy_key_a_selection_is_drawn_that_spans_the_window():
    found, one_in = bars(reports.MANY, line(60.0), 10)
    assert (len(found), one_in) == (10, 60)
    assert [found[0].seq, found[-1].seq] == ["900,059", "900,599"]
    starts = [bar.cells.index("●") for bar in found[:-1]]
    assert starts == sorted(starts)
    assert starts[0] < 28
    few = on(*(past(n, 4.0 - n / 100, 0.1) for n in range(MOST_BARS)))
    assert [len(bars(few, line(), room)[0]) for room in (0, 1, 10)] == [MOST_BARS] * 3
    assert bars(reports.MANY, line(60.0), 0)[1] == 600


def test_the_lanes_count_what_falls_into_a_cell():
    writes = [past(n, 2.0, 1.0) for n in range(3)] + [past(n, 0.0, 0.0) for n in range(12)]
    accepted, cached, applied = stage_rows(on(*writes), line())
    assert [row.name for row in (accepted, cached, applied)] == [
        "accepted", "in Redis", "in SQLite",
    ]  # fmt: skip
    assert accepted.cells == "─" * 30 + "3" + "─" * 18 + "+"
    assert cached.cells == accepted.cells[:-1] + "─", "what is later than the report is not shown"
    assert applied.cells == "─" * 40 + "3" + "─" * 8 + "+"


def test_the_lanes_do_not_say_nothing_where_nothing_is_known():
    accepted, _, _ = stage_rows(on(past(1, 1.0, 0.1), since=NOW - 2.5), line())
    assert accepted.cells == "·" * 25 + "─" * 15 + "●" + "─" * 9


def test_the_axis_says_how_far_it_goes():
    assert line(60.0, 30).axis() == "-1 m 00 s" + " " * 18 + "now"
    assert all(len(Timeline(NOW, seconds, 20).axis()) == 20 for seconds in WINDOWS)


@given(
    writes=st.lists(
        st.builds(
            RecentWrite,
            st.integers(1, 10**12),
            st.sampled_from(Op),
            st.floats(-1e4, 1e9).map(lambda age: NOW - age),
            st.none() | st.floats(-1e4, 1e9).map(lambda age: NOW - age),
            st.none() | st.floats(-1e4, 1e9).map(lambda age: NOW - age),
            st.booleans(),
            st.booleans(),
        ),
        max_size=20,
    ),
    width=st.integers(1, 120),
    since=st.floats(0, 2 * NOW),
)
def test_any_times_are_drawn_within_their_width(writes, width, since):
    report = on(*writes, since=since)
    axis = Timeline(NOW, window_seconds(report), width)
    assert all(len(bar.cells) == width for bar in bars(report, axis, 9)[0])
    assert all(len(row.cells) == width for row in stage_rows(report, axis))


def test_the_glyphs_are_all_different():
    names = ("ACCEPTED", "NOT_CACHED", "CACHED", "APPLIED", "WAITING", "DEAD", "GAP", "OPEN_GAP")
    assert len({getattr(timeline_module, name) for name in names}) == len(names)


# -- the screen ----------------------------------------------------------------------------------


class Fetch:
    """Gives whatever ``report`` is, or raises it, and counts how often it was asked."""

    def __init__(self, report):
        self.report = report
        self.threads = []

    def __call__(self):
        self.threads.append(threading.current_thread())
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


def show(report, script, size=(80, 24), perform=None, fetch=None):
    """Open the inspector over an empty app and run ``script`` on it."""
    app = App()

    async def play():
        async with app.run_test(size=size) as pilot:
            screen = InspectorScreen(reports.KEY, fetch or Fetch(report), perform)
            await app.push_screen(screen)
            if isinstance(report, Exception):
                await until(pilot, lambda: "no answer" in screen_text(app), "it says so")
            else:
                await until(pilot, lambda: screen.bars.report is not None, "it was asked")
            await pilot.pause()
            await script(app, pilot, screen)

    asyncio.run(play())


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_at_every_size(name):
    report = REPORTS[name]

    async def script(app, pilot, screen):
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            text = screen_text(app)
            assert verdict(report).source in text
            for word in ("Redis", "Log", "SQLite", "accepted", "in SQLite", "now"):
                assert word in text, (word, size)
            assert places(report)[0].word in text
            assert places(report)[2].word in text
            assert "Esc closes" in text
            assert "\x1b" not in text
            if name != "odd":
                assert any(form in text for form in equations(report)), size
            assert all(cell_len(row) == size[0] for row in text.splitlines())

    show(report, script)


def test_it_never_refuses_a_size():
    async def script(app, pilot, screen):
        for size in ((250, 70), (20, 8), (1, 1), (40, 10), (100, 22)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "Redis answers" in screen_text(app)

    show(reports.ODD, script)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_newest_write_and_every_place_are_in_sight(size):
    async def script(app, pilot, screen):
        text = screen_text(app)
        assert "views:article:1" in text.splitlines()[0 if size[1] < 36 else 1]
        for words in ("10,483", "10,480", "no expiry", "2 pending", "row @ seq 912", "oldest"):
            assert words in text
        assert "row 10,480 @ seq 912 + 2 pending = 10,483" in text
        assert "918  incr +1  620 ms" in text
        assert "921 incr" in text
        assert "▶" in text
        assert "210 ms…" in text
        assert "Esc closes · e evicts · write-behind (views:*)" in text

    show(PENDING, script, size, perform=lambda command: None)


def test_it_lives_on_and_keeps_what_the_user_scrolled_to():
    fetch = Fetch(LONG)

    async def script(app, pilot, screen):
        screen.folded.scroll_to(y=40, animate=False, immediate=True)
        screen.bars_box.scroll_to(y=3, animate=False, immediate=True)
        fetch.report = replace(LONG, cached=held(b"7"), agrees=False)
        screen.pull()
        await until(pilot, lambda: "STALE" in screen_text(app), "the new report is shown")
        await pilot.pause()
        assert (screen.folded.scroll_y, screen.bars_box.scroll_y) == (40, 3)
        fetch.report = reports.FRESH
        screen.pull()
        await until(pilot, lambda: "nothing pending" in screen_text(app), "it has less to show")
        assert not any(thread is threading.main_thread() for thread in fetch.threads)

    show(LONG, script, fetch=fetch)


def test_the_same_report_again_draws_nothing_anew():
    async def script(app, pilot, screen):
        drawn = []
        for widget in screen.query("*"):
            widget.refresh = lambda *_, widget=widget, **__: drawn.append(widget)
        screen.apply(PENDING)
        await pilot.pause()
        assert drawn == []

    show(PENDING, script)


def test_one_pull_at_a_time():
    gate, fetch = threading.Event(), Fetch(PENDING)

    def slow():
        report = fetch()
        gate.wait(60)
        return report

    async def script(app, pilot, screen):
        gate.clear()
        for _ in range(5):
            screen.pull()
        await pilot.pause(0.05)
        gate.set()
        await until(pilot, lambda: not screen._pulling, "the pull is over")
        assert len(fetch.threads) == 2

    gate.set()
    show(PENDING, script, fetch=slow)


def test_an_answer_that_does_not_come_is_said_and_forgotten():
    fetch = Fetch(RuntimeError("[red]the engine[/] is gone"))

    async def script(app, pilot, screen):
        assert "RuntimeError: [red]the engine[/] is gone" in screen_text(app)
        fetch.report = PENDING
        screen.pull()
        await until(pilot, lambda: "Redis answers" in screen_text(app), "it answers again")
        assert "no answer" not in screen_text(app)

    show(fetch.report, script, fetch=fetch)


def test_escape_while_a_pull_is_under_way():
    gate = threading.Event()
    app = App()

    async def play():
        async with app.run_test() as pilot:
            screen = InspectorScreen(reports.KEY, lambda: (gate.wait(60), PENDING)[1])
            await app.push_screen(screen)
            await pilot.press("escape")
            assert app.screen is not screen
            gate.set()
            await pilot.pause(0.05)

    asyncio.run(play())


def test_e_evicts_this_key_and_stays():
    commands = []

    async def script(app, pilot, screen):
        assert "e evicts" in screen_text(app)
        await pilot.press("e")
        assert commands == [EvictKey(reports.KEY)]
        assert app.screen is screen
        await pilot.press("escape")
        assert app.screen is not screen

    show(PENDING, script, perform=commands.append)


def test_a_read_only_desk_does_not_evict():
    async def script(app, pilot, screen):
        assert "evicts" not in screen_text(app)
        await pilot.press("e")
        assert app.screen is screen

    show(PENDING, script)


def test_the_keyboard_reaches_the_end_of_everything():
    async def script(app, pilot, screen):
        bars, folded = screen.bars_box, screen.folded
        await pilot.press("home")
        await until(pilot, lambda: bars.scroll_y == 0, "the bars are at their start")
        await pilot.press("end")
        await until(pilot, lambda: bars.is_vertical_scroll_end, "the bars are at their end")
        await pilot.press("shift+tab", "end")
        await until(pilot, lambda: screen.focused is folded, "the fold has the keys")
        await until(pilot, lambda: "900,099" in screen_text(app), "its last line is drawn")

    show(LONG, script, (60, 20))


def test_the_fold_has_a_line_for_each_step_and_letter():
    async def script(app, pilot, screen):
        assert screen.query_one(Fold).size.height == 1 + 3 + 1
        assert "dead letter 907" in screen_text(app)

    show(reports.DEAD, script, (120, 40))
