"""Whatever the terminal's size and whatever the state: no crash, and the essentials in sight."""

from __future__ import annotations

import itertools
from dataclasses import replace

from cachedesk.core.snapshot import Health

from . import scenes
from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text
from .scenes import FixedSource

SCENES = ("HEALTHY", "REDIS_DOWN", "ALL_DOWN", "UNBALANCED", "EMPTY", "HUGE", "ODD_KEYS")
SIZES = ((60, 20), (80, 24), (111, 36), (250, 70))


def test_every_scene_at_every_size():
    source = ChangingSource(scenes.HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        for size, name in itertools.product(SIZES, SCENES):
            if app.size != size:
                await pilot.resize_terminal(*size)
            source.value = getattr(scenes, name)
            app.desk.apply(source.value)
            await pilot.pause()
            text = screen_text(app)
            lines = text.splitlines()
            assert "cachedesk" in lines[0]
            for word in ("Redis", "Log", "Worker", "SQLite", "Hit rate", "Queue depth"):
                assert word in text, (word, size, name)
            assert "k kill" in "".join(lines[-3:])
            assert "q quit" in "".join(lines[-2:])
            assert "key" in text

    drive(app, script, (80, 24))


def test_books_that_do_not_balance_say_so_in_words():
    app = desk(RecordingControl(), FixedSource(scenes.UNBALANCED))

    async def script(pilot):
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            text = screen_text(app)
            assert sum("DO NOT BALANCE" in line for line in text.splitlines()[1:4]) == 1, size

    drive(app, script)


def test_even_a_silly_size_does_not_crash():
    app = desk(RecordingControl(), FixedSource(scenes.ALL_DOWN))

    async def script(pilot):
        for size in ((20, 5), (1, 1), (40, 10)):
            await pilot.resize_terminal(*size)
            await pilot.press("space", "question_mark", "escape", "space")

    drive(app, script, (20, 5))


def test_data_is_never_read_as_markup():
    app = desk(RecordingControl(), FixedSource(scenes.ODD_KEYS))

    async def script(pilot):
        text = screen_text(app)
        assert "[red]x[/]" in text
        assert "[b]bold[/b]" in text
        assert "[red]markup[/] and second line" in text
        assert "記事:閲覧数" in text
        assert r"\x00\xff\x13nul\x00" in text
        assert "\x1b" not in text

    drive(app, script, (120, 40))


def test_a_long_word_of_state_is_never_cut():
    redis = replace(scenes.HEALTHY.redis, health=Health.DOWN, word="not answering")
    app = desk(RecordingControl(), FixedSource(replace(scenes.HEALTHY, redis=redis)))

    async def script(pilot):
        assert "not answering" in screen_text(app)

    drive(app, script, (80, 24))
