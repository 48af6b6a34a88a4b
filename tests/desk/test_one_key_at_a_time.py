"""Keys and clicks that arrive in one piece: a screen is finished once, and text that is typed
ahead reaches the line it was meant for."""

from __future__ import annotations

import pytest
from textual.command import CommandList

from cachedesk.core.commands import EvictKey, Inject

from . import reports, scenes
from .piloting import FixedInspector, RecordingControl, click, desk, drive, until, write

pytestmark = pytest.mark.slow

OPENED_BY = {"faults": "f", "evict": "E", "steering": "s", "menu": "m", "help": "?", "key": "i"}


def opened(control: RecordingControl):
    return desk(control, inspector=FixedInspector(reports.PENDING))


@pytest.mark.parametrize("twice", ["\r", "\x1b", "click", "outside"])
def test_twice_is_once_on_every_modal(twice):
    control = RecordingControl()
    app = opened(control)

    async def script(pilot):
        for name, key in OPENED_BY.items():
            before = len(control.commands)
            write(app, key)
            await until(pilot, lambda: app.screen is not app.desk, f"{name} is open")
            await until(pilot, lambda: app.screen.focused is not None, f"{name} has the focus")
            await pilot.pause()
            if twice in ("click", "outside"):
                region = app.screen.focused.region
                at = (region.x + 2, region.y) if twice == "click" else (0, 0)
                write(app, 2 * click(*at))
            else:
                write(app, 2 * twice)
            await pilot.pause()
            await until(pilot, lambda: app.is_running and not app._held, "all keys were taken")
            # Steering stays open: there each Enter is one more turn.
            most = before + (2 if name == "steering" else 1)
            assert len(control.commands) <= most, (name, control.commands)
            while app.screen is not app.desk:
                await pilot.press("escape")
                await pilot.pause()

    drive(app, script, (120, 40))
    assert app.return_code in (None, 0)


def test_a_double_click_beside_the_list_of_themes_closes_it_once():
    app = opened(RecordingControl())

    async def script(pilot):
        app.search_themes()
        await until(pilot, lambda: app.screen is not app.desk, "the themes are listed")
        write(app, 2 * click(0, 0))
        await until(pilot, lambda: app.screen is app.desk, "the list is closed")

    drive(app, script)


def test_a_palette_that_is_closed_while_it_searches_shows_no_mark_of_that():
    app = opened(RecordingControl())

    async def script(pilot):
        await pilot.press("m")
        palette = app.screen
        await palette.remove_children()
        palette._show_busy = not palette._show_busy
        await pilot.pause()

    drive(app, script)


def test_a_click_on_a_widget_that_is_gone_does_nothing():
    app = opened(RecordingControl())

    async def script(pilot):
        await pilot.press("question_mark")
        shown = app.screen.focused.children[0]
        place = shown.region
        with app.batch_update():
            # It is still on the screen.
            await shown.remove()
            write(app, click(place.x + 3, place.y + 1))
            await pilot.pause()

    drive(app, script)


def test_a_click_on_an_option_that_is_gone_does_nothing():
    app = opened(RecordingControl())

    async def script(pilot):
        await pilot.press("m")
        options = app.screen.query_one(CommandList)
        await until(pilot, lambda: options.option_count > 9, "the menu is filled")
        await pilot.pause()
        place = options.region
        write(app, click(place.x + 3, place.y + 4))
        options._options.clear()
        await pilot.pause()
        assert app.screen is not app.desk

    drive(app, script)


def test_a_report_that_comes_when_its_screen_is_closed_is_not_scrolled():
    app = opened(RecordingControl())

    async def script(pilot):
        await pilot.press("i")
        screen = app.screen
        await pilot.press("escape")
        await until(pilot, lambda: not screen.children, "it is closed")
        screen._scroll_to_end()

    drive(app, script)


def test_pages_are_turned_in_a_list_that_has_no_room():
    app = opened(RecordingControl())

    async def script(pilot):
        await pilot.resize_terminal(1, 1)
        await pilot.press("m")
        app.screen.query_one(CommandList).highlighted = 0
        await pilot.press("pagedown", "pageup", "escape")

    drive(app, script)


def test_two_enters_inject_one_fault():
    control = RecordingControl()
    app = opened(control)

    async def script(pilot):
        write(app, "f\r\r")
        await until(pilot, lambda: control.commands, "the fault was injected")
        await until(pilot, lambda: app.screen is app.desk or app._in_flight is None, "all is done")
        await pilot.pause()

    drive(app, script)
    assert sum(isinstance(command, Inject) for command in control.commands) == 1


@pytest.mark.parametrize("typed", ["/likes", "mlikes"])
def test_what_is_typed_ahead_is_no_command(typed):
    control = RecordingControl()
    app = opened(control)

    async def script(pilot):
        write(app, typed)
        line = lambda: getattr(app.focused, "value", None)  # noqa: E731
        await until(pilot, lambda: line() == "likes", "it is in the line it was meant for")
        assert (app.screen is app.desk) is (typed[0] == "/")

    drive(app, script)
    assert control.commands == []


def test_keys_act_in_the_order_in_which_they_were_typed():
    control = RecordingControl()
    app = opened(control)

    async def script(pilot):
        keys = [hot.key for hot in scenes.HEALTHY.hot]
        write(app, "\x1b[B\x1b[Be")
        await until(pilot, lambda: control.commands, "a key was evicted")
        assert control.commands == [EvictKey(keys[2])]

    drive(app, script)


def test_a_whole_fault_is_typed_at_once():
    control = RecordingControl()
    app = opened(control)

    async def script(pilot):
        names = [fault.name for fault in scenes.HEALTHY.catalogue]
        down = "\x1b[B" * names.index("database.slow")
        write(app, f"f{down}\t\t0.2\r")
        await until(pilot, lambda: control.commands, "the fault was injected")
        assert control.commands == [Inject("database.slow", 0.2)]

    drive(app, script)
