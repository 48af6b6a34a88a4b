"""Panels are shown, hidden and expanded by number; time is zoomed and looked back on; keys are
filtered and sorted; all with the keys a user has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.commands import EvictKey
from cachedesk.core.snapshot import Books, Event, EventKind
from cachedesk.desk.panels.registry import PANELS

from .piloting import RecordingControl, desk, drive, screen_text, until
from .scenes import HEALTHY, NOW, UNBALANCED, FixedSource

pytestmark = pytest.mark.slow


def shown(app):
    return {number for number, panel in app.desk.panels.items() if panel.display}


def test_a_number_hides_its_panel_and_brings_it_back():
    app = desk()

    async def script(pilot):
        for number in (panel.number for panel in PANELS):
            before = shown(app)
            await pilot.press(str(number))
            assert shown(app) ^ before >= {number}
            await pilot.press(str(number))
            assert number in shown(app) or number not in before

    drive(app, script, (200, 50))


def test_a_panel_has_a_key():
    app = desk()

    async def script(pilot):
        await pilot.press("5")
        await pilot.pause()
        assert 5 in shown(app)
        assert "5 Latency" in screen_text(app)
        assert "p99" in screen_text(app)

    drive(app, script, (120, 40))


def test_an_event_that_is_cut_says_so_beside_the_scroll_bar_too():
    long = [Event(NOW, EventKind.INFO, f"{place} of " + "x" * 200) for place in range(20)]
    app = desk(source=FixedSource(replace(HEALTHY, events=tuple(long))))

    async def script(pilot):
        lines = [line for line in screen_text(app).splitlines() if "xxx" in line]
        assert len(lines) > 2
        for line in lines:
            assert line.rstrip("│ ").rstrip("▁▂▃▄▅▆▇█ ").endswith("x…"), line

    drive(app, script, (120, 40))


def test_without_any_panel_the_desk_still_stands():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press(*"12345678")
        await pilot.press(*"56")
        assert shown(app) == set()
        assert "accepted" in screen_text(app)
        await pilot.press("slash")
        assert shown(app) == {7}, "who filters keys wants to see them"

    drive(app, script, (120, 40))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_panel_can_have_the_whole_screen(size):
    app = desk()

    async def script(pilot):
        for spec in PANELS:
            number, panel = spec.number, app.desk.panels[spec.number]
            app.desk._wishes[number] = True
            app.desk._arrange()
            await pilot.pause()
            panel.take_focus()
            await pilot.pause()
            await pilot.press("z")
            await pilot.pause()
            assert shown(app) == {number}, spec.title
            assert "accepted" in screen_text(app) or "balanced" in screen_text(app)
            await pilot.press("escape")
            assert app.desk.expanded is None
            app.desk._wishes.clear()
            app.desk._arrange()

    drive(app, script, size)


def test_enter_expands_and_the_numbers_change_which():
    app = desk()

    async def script(pilot):
        app.desk.panels[2].focus()
        await pilot.press("enter")
        assert shown(app) == {2}
        await pilot.press("4")
        assert shown(app) == {4}
        await pilot.press("4")
        assert app.desk.expanded is None

    drive(app, script)


def test_a_resize_while_expanded_keeps_it():
    app = desk()

    async def script(pilot):
        await pilot.press("z")
        for size in ((60, 20), (250, 70), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert shown(app) == {7}

    drive(app, script)


def test_zooming_changes_the_time_that_is_printed():
    app = desk()

    async def script(pilot):
        assert "-60 s" in screen_text(app)
        await pilot.press("plus")
        assert "-30 s" in screen_text(app)
        await pilot.press("minus", "minus")
        assert app.desk.timespan.seconds == 120
        await pilot.press("equals_sign")
        assert "-60 s" in screen_text(app)

    drive(app, script, (120, 40))


def test_the_filter_lists_what_matches_and_says_so():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.press("slash", *"order")
        await pilot.pause()
        text = screen_text(app)
        assert "order:1029" in text
        assert "views:article:7" not in text
        assert "1 of 10" in text
        await pilot.press("enter")
        assert app.focused is app.desk.key_table
        assert "order" in screen_text(app), "a filter in force stays in sight"
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert "views:article:7" in screen_text(app)
        assert app.focused is app.desk.key_table

    drive(app, script, (120, 40))


def test_letters_typed_into_the_filter_break_nothing():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("slash", *"kdclfhepsnRq12z")
        await pilot.pause()
        assert app.desk.key_filter.value == "kdclfhepsnRq12z"
        await pilot.press("left", "left", "delete")
        assert app.desk.key_filter.value == "kdclfhepsnRq1z", "the arrows move in the text"

    drive(app, script)
    assert control.commands == []


def test_a_command_reaches_the_selected_key_under_any_filter_and_order():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("slash", *"order", "enter")
        await pilot.press("e")
        await until(pilot, lambda: len(control.commands) == 1, "evicted")
        await pilot.press("o", "o", "o", "o")
        await pilot.press("slash", "escape", "down", "e")
        await until(pilot, lambda: len(control.commands) == 2, "evicted")

    drive(app, script, (120, 40))
    assert control.commands == [EvictKey(b"order:1029"), EvictKey(b"likes:article:3")]


def test_a_click_on_a_title_sorts_by_it():
    app = desk()

    async def script(pilot):
        keys = app.desk.key_table
        header = screen_text(app).splitlines()[keys.content_region.y]
        column = header.index("pending") - keys.content_region.x
        assert await pilot.click(keys, offset=(column + 1, 1 if keys.styles.border_top[0] else 0))
        await pilot.pause()
        assert "pending ▼" in screen_text(app) or "pendin" in screen_text(app)
        assert keys.order.value == "pending"

    drive(app, script)


def test_books_that_do_not_balance_name_the_events():
    scene = replace(UNBALANCED, unaccounted=(912, 913, 914))
    app = desk(source=FixedSource(scene))

    async def script(pilot):
        text = screen_text(app)
        assert "DO NOT BALANCE" in text
        assert "#912 #913 #914" in text
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "#912" in screen_text(app)

    drive(app, script, (120, 40))


def test_balanced_books_name_nothing():
    scene = replace(HEALTHY, books=Books(5, 5, 0, 0), unaccounted=(1,))
    app = desk(source=FixedSource(scene))

    async def script(pilot):
        assert "#1" not in screen_text(app)

    drive(app, script)


def test_help_begins_with_what_has_the_focus():
    app = desk()

    async def script(pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert "↑ and ↓ select a key" in screen_text(app)
        await pilot.press("escape")
        app.desk.panels[2].focus()
        await pilot.press("question_mark")
        await pilot.pause()
        assert "The share of reads" in screen_text(app)

    drive(app, script, (120, 40))


def test_whoever_is_new_is_greeted_until_the_first_key():
    app = desk(RecordingControl(), greeting=True)

    async def script(pilot):
        assert "New here?" in screen_text(app)
        await pilot.press("down")
        await pilot.pause()
        assert "New here?" not in screen_text(app)

    drive(app, script)
