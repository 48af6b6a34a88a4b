"""Text of strangers (a recording, a story, a trigger) on the screen: shown, and never obeyed."""

from __future__ import annotations

import unicodedata
from dataclasses import fields, is_dataclass, replace
from enum import Enum

from cachedesk.core.snapshot import FaultState, Mark
from cachedesk.desk.modes.live_story import StoryApp

from . import scenes
from .piloting import RecordingControl, desk, drive, screen_text
from .scenes import FixedSource
from .stories import END, Fixed

HOSTILE = "\x1b]52;c;aGk=\x07\x9b2J\u202egnp\u2066\nforged"


def poisoned(value):
    """Return ``value`` with hostile text in every text field."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, tuple):
        return tuple(poisoned(each) for each in value)
    if is_dataclass(value):
        return replace(
            value, **{field.name: poisoned(getattr(value, field.name)) for field in fields(value)}
        )
    return value


def obeyed(app) -> set[str]:
    """Return what a terminal would obey of all that is drawn."""
    return {
        sign
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        for sign in segment.text
        if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs")
    }


def test_no_text_of_a_snapshot_reaches_the_terminal_as_it_is():
    fault = FaultState("redis.kill", "kill", obstacle="not now")
    scene = replace(scenes.HEALTHY, catalogue=(fault,), marks=(Mark("x", scenes.HEALTHY.at - 5),))
    scene = replace(scene, armed=("worker.apply",), faults=("x",), recording="x.rec")
    app = desk(RecordingControl(), FixedSource(poisoned(scene)))

    async def script(pilot):
        for size in ((60, 20), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert obeyed(app) == set(), size
            assert r"\x1b]52" in screen_text(app)
        for key in ("f", "s", "E"):
            await pilot.press(key)
            await pilot.pause()
            assert app.screen is not app.desk
            assert obeyed(app) == set(), key
            await pilot.press("escape")
            await pilot.pause()
        app.notify(HOSTILE)
        app.desk.lose(HOSTILE)
        await pilot.pause()
        assert obeyed(app) == set()

    drive(app, script, (80, 24))


def test_no_text_of_a_story_reaches_the_terminal_as_it_is():
    app = StoryApp(Fixed(poisoned(END), scenes.HEALTHY), refresh_hz=None, follows=False)

    async def script(pilot):
        await pilot.pause()
        assert r"\x1b]52" in screen_text(app)
        assert obeyed(app) == set()

    drive(app, script, (120, 40))
