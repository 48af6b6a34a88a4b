"""The selection follows its key through every refresh."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.commands import EvictKey
from cachedesk.core.snapshot import HotKey

from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import HEALTHY, HOT


def keys(*names: str):
    return replace(HEALTHY, hot=tuple(HotKey(name.encode(), "write-behind", 1) for name in names))


def pointed(app) -> str:
    """Return the key on the line with the pointer, or nothing."""
    lines = [line for line in screen_text(app).splitlines() if line.startswith("▶ ")]
    return lines[0].split()[1] if lines else ""


def test_the_selection_survives_refreshes_while_rows_move():
    app = desk(RecordingControl(), ChangingSource(keys("a", "b", "c")))

    async def script(pilot):
        assert pointed(app) == "a"
        await pilot.press("down")
        assert pointed(app) == "b"
        for order in (("b", "a", "c"), ("c", "a", "b"), ("x", "y", "b"), ("a", "b", "c")):
            app.desk.apply(keys(*order))
            await pilot.pause()
            assert app.desk.key_table.selected == b"b"
            assert pointed(app) == "b"

    drive(app, script)


def test_a_key_that_cools_down_stays_selected_and_is_what_e_evicts():
    control, source = RecordingControl(), ChangingSource(keys("a", "b"))
    app = desk(control, source)

    async def script(pilot):
        await pilot.press("down", "up")
        source.value = keys("b", "c")
        app.desk.apply(source.value)
        await pilot.pause()
        assert pointed(app) == "a"
        assert "no longer hot" in screen_text(app)
        await pilot.press("e")
        await until(pilot, lambda: control.commands != [], "the command came")
        await pilot.press("up")
        app.desk.apply(keys("b", "c"))
        await pilot.pause()
        assert pointed(app) == "c"
        assert "no longer hot" not in screen_text(app)

    drive(app, script)
    assert control.commands == [EvictKey(b"a")]


def test_a_click_selects_the_row_under_it():
    app = desk(RecordingControl())

    async def script(pilot):
        await pilot.click("#key-table", offset=(5, 3))
        assert app.desk.key_table.selected == HOT[2].key
        await pilot.click("#key-table", offset=(5, 0))
        assert app.desk.key_table.selected == HOT[2].key, "the header is no row"

    drive(app, script)


def test_keys_move_and_scroll_and_stop_at_the_ends():
    names = [f"key:{number:03}" for number in range(60)]
    app = desk(RecordingControl(), ChangingSource(keys(*names)))

    async def script(pilot):
        await pilot.press("end")
        assert pointed(app) == "key:049", "fifty rows at most"
        await pilot.press("down")
        assert pointed(app) == "key:049"
        await pilot.press("pageup")
        page = app.desk.key_table.size.height - 1
        assert pointed(app) == f"key:{49 - page:03}"
        await pilot.press("home", "up")
        assert pointed(app) == "key:000"

    drive(app, script)


def test_a_row_in_sight_is_followed_and_a_list_that_was_scrolled_away_is_left_alone():
    names = [f"key:{number:03}" for number in range(50)]
    app = desk(RecordingControl(), ChangingSource(keys(*names)))

    async def script(pilot):
        hot = app.desk.key_table
        await pilot.press("home")
        app.desk.apply(keys(*names[1:], names[0]))
        await pilot.pause()
        assert pointed(app) == "key:000", "it went to the end, and the list with it"
        hot.scroll_to(y=0, animate=False, immediate=True)
        app.desk.apply(keys(*names[1:-1], names[0], names[-1]))
        await pilot.pause()
        assert hot.scroll_offset.y == 0
        assert hot.selected == b"key:000"

    drive(app, script)


def test_a_key_that_nobody_chose_is_selected_while_it_can_be_seen_and_never_scrolls_the_list():
    names = [f"key:{number:03}" for number in range(50)]
    app = desk(RecordingControl(), ChangingSource(keys(*names)))

    async def script(pilot):
        app.desk.apply(keys(names[1], names[0], *names[2:]))
        await pilot.pause()
        assert pointed(app) == "key:000"
        app.desk.apply(keys(*names[1:], names[0]))
        await pilot.pause()
        assert pointed(app) == "key:001"
        app.desk.apply(keys(*names[2:]))
        await pilot.pause()
        assert pointed(app) == "key:002"
        assert app.desk.key_table.scroll_offset.y == 0

    drive(app, script)


def test_a_key_that_stays_wrong_is_called_stale_even_when_nothing_else_changes():
    wrong = replace(HEALTHY, hot=(replace(HOT[1], cached=b"1"),))
    app = desk(RecordingControl(), ChangingSource(wrong))

    async def script(pilot):
        assert "being written" in screen_text(app)
        app.desk.apply(wrong)
        await pilot.pause()
        assert "stale in Redis" in screen_text(app)

    drive(app, script)
