"""The keys of two stacks: filtered, and explained on either side."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from textual.widgets import Input

from cachedesk.core.commands import EvictKey
from cachedesk.core.errors import Unavailable
from cachedesk.desk.modes.versus import VersusApp
from cachedesk.desk.screens.pair_inspector import PairInspectorScreen

from . import pairs, reports
from .pairs import FixedPair
from .piloting import RecordingControl, drive, screen_text, until, write

LEFT = replace(reports.PENDING, pending=0, steps=(), unlogged=3)
REPORTS = (LEFT, reports.PENDING)
KEY = b"views:article:1"


class Explaining:
    """Explains every key in the same way on each side, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bytes]] = []

    def __call__(self, side, key):
        self.asked.append((side, key))
        return REPORTS[side]


def app_of(explain=None, control=None, scene=pairs.EXPOSED):
    return VersusApp(FixedPair(scene), control, explain=explain, refresh_hz=None)


async def _shown(app, pilot):
    await until(pilot, lambda: app.versus.shown is not None, "both are shown")


async def _inspected(app, pilot):
    await _shown(app, pilot)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(app.screen, PairInspectorScreen), "it is open")
    return app.screen


def keys_of(app):
    return [row.key for row in app.versus.table.found.rows]


def test_the_filter_lists_the_keys_that_match_on_both_sides():
    app = app_of(control=RecordingControl())

    async def script(pilot):
        await _shown(app, pilot)
        every = keys_of(app)
        # In one write, as a fast typist does: no letter of it is a command.
        write(app, "/likes\r")
        await until(pilot, lambda: keys_of(app) == [b"likes:article:3"], "it is filtered")
        assert "1 of 10" in screen_text(app)
        await app._puller.once()
        assert keys_of(app) == [b"likes:article:3"]
        await pilot.press("slash", "escape")
        await until(pilot, lambda: keys_of(app) == every, "all are listed")
        assert not isinstance(app.focused, Input)

    drive(app, script, (120, 40))
    assert app._control.commands == []


def test_a_filter_that_nothing_matches_says_so():
    app = app_of(control=RecordingControl())

    async def script(pilot):
        await _shown(app, pilot)
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "no key matches" in screen_text(app), "it is said")
        await pilot.press("e")
        await until(pilot, lambda: app._notifications, "there is nothing to evict")

    drive(app, script, (120, 40))
    assert app._control.commands == []


def test_a_key_is_explained_on_either_side():
    explain, control = Explaining(), RecordingControl()
    app = app_of(explain, control)

    async def script(pilot):
        screen = await _inspected(app, pilot)
        await until(pilot, lambda: screen._report == LEFT, "the left one is explained")
        assert "LEFT log=off · views:article:1" in screen_text(app)
        await pilot.press("right")
        await until(pilot, lambda: screen._report == reports.PENDING, "then the right one")
        assert "RIGHT log=on · views:article:1" in screen_text(app)
        await app._puller.once()
        await until(pilot, lambda: len(explain.asked) == 3, "it follows the side that is shown")
        await pilot.press("e")
        await until(pilot, lambda: control.commands == [EvictKey(KEY)], "it is evicted on both")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.versus, "it is closed")

    drive(app, script, (120, 40))
    assert explain.asked[:3] == [(0, KEY), (1, KEY), (1, KEY)]


def test_a_report_that_comes_late_is_not_shown_for_the_other_side():
    answers = threading.Event()

    def explain(side, key):
        if side == 0:
            assert answers.wait(60)
        return REPORTS[side]

    app = app_of(explain)

    async def script(pilot):
        screen = await _inspected(app, pilot)
        await pilot.press("right")
        await until(pilot, lambda: "RIGHT log=on" in screen_text(app), "the other one is shown")
        answers.set()
        await until(pilot, lambda: screen._report is not None, "it is explained")
        assert screen._report == reports.PENDING

    drive(app, script, (120, 40))


def test_a_side_that_has_ended_cannot_explain():
    def explain(side, key):
        if side == 0:
            raise Unavailable("log=off has ended: killed by SIGKILL")
        return REPORTS[side]

    app = app_of(explain)

    async def script(pilot):
        screen = await _inspected(app, pilot)
        await until(pilot, lambda: "killed by SIGKILL" in screen_text(app), "it is said")
        await pilot.press("tab")
        await until(pilot, lambda: screen._report is not None, "the other one explains")

    drive(app, script, (120, 40))


def test_without_a_stack_there_is_nothing_to_explain():
    app = app_of()

    async def script(pilot):
        await _shown(app, pilot)
        assert not any(action.name == "inspect" for action in app._offered)
        await pilot.press("i")
        await pilot.pause()
        assert app.screen is app.versus

    drive(app, script)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
def test_picture(snap_compare, size):
    assert snap_compare(app_of(Explaining()), terminal_size=size, press=["i", "right"])


@pytest.mark.slow
def test_filtered(snap_compare):
    keys = ["slash", *"article", "enter"]
    assert snap_compare(app_of(Explaining()), terminal_size=(80, 24), press=keys)
