"""A seeded monkey presses keys, clicks and resizes, without colour: the desk goes on."""

from __future__ import annotations

import random

import pytest

from . import reports, scenes
from .piloting import FixedInspector, RecordingControl, click, desk, drive, until, write
from .scenes import FixedSource

pytestmark = pytest.mark.slow

KEYS = (
    *"kdclfheEpnsioz/?m12345678+-= \t\r\r\x1b\x1b",
    *("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[F", "\x1b[Z", "ab*", "\x7f"),
)
SIZES = ((60, 20), (80, 24), (120, 40), (40, 10), (180, 50), (20, 5))
TURNS = 60
AT_ONCE = 5


@pytest.mark.parametrize("seed", [1])
def test_a_monkey_does_not_end_the_desk(seed, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = desk(RecordingControl(), FixedSource(scenes.REDIS_DOWN), hz=None,
               inspector=FixedInspector(reports.PENDING))  # fmt: skip
    draw = random.Random(seed)
    typed = []

    async def script(pilot):
        for _ in range(TURNS):
            if draw.random() < 0.1:
                await pilot.resize_terminal(*draw.choice(SIZES))
            width, height = app.size
            pieces = [
                click(draw.randrange(width), draw.randrange(height)) * draw.choice((1, 2))
                if draw.random() < 0.25
                else draw.choice(KEYS) * draw.choice((1, 1, 2))
                for _ in range(AT_ONCE)
            ]
            typed.append("".join(pieces))
            # The buttons of quit and of pictures are clicked as well.
            app.exit = app.deliver_screenshot = lambda *_, **__: None
            write(app, typed[-1])
            await until(pilot, lambda: not app._held and app._in_flight is None, "keys are taken")
            assert not app.crash, (seed, typed)

    drive(app, script, (120, 40))
    assert not app.crash, (seed, typed)
