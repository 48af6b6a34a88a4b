"""The desk during a story: told step by step over a real stack, and what the strip looks like."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.desk.modes.live_story import StoryApp
from cachedesk.lab.stories.library import story
from cachedesk.lab.stories.reading import parse
from cachedesk.lab.stories.story_runner import StoryRunner

from .piloting import drive, screen_text, until
from .stories import END, FAILED, LOST, STEP, Fixed


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("scene", [STEP, END, FAILED], ids=["step", "end", "failed"])
def test_story(snap_compare, scene, size):
    app = StoryApp(Fixed(scene, LOST), refresh_hz=None, follows=False)
    assert snap_compare(app, terminal_size=size)


@pytest.fixture
def performance(tmp_path: Path):
    performance = StoryRunner(story("the-gap"), tmp_path)
    yield performance
    performance.close()


def test_a_story_is_told_by_its_keys(performance):
    app = StoryApp(performance)

    async def script(pilot: Pilot[None]) -> None:
        async def press(key: str, step: int) -> None:
            app.simulate_key(key)
            done = lambda: performance.scene().step == step and not app._in_step  # noqa: E731
            await until(pilot, done, f"step {step}")

        await press("right", 1)
        await press("right", 2)
        assert performance.snapshot().books.accepted == 200
        await press("left", 1)
        assert performance.snapshot().books.accepted == 0
        # The rest of the desk is there during a story.
        app.simulate_key("c")
        await until(pilot, lambda: performance.snapshot().armed != (), "a fault is armed")
        app.simulate_key("h")
        await until(pilot, lambda: performance.snapshot().armed == (), "it is healed")
        for step in range(2, 9):
            await press("right", step)
        app.simulate_key("right")
        await until(pilot, lambda: performance.ended, "the claims are decided")
        await until(pilot, lambda: "every claim holds" in screen_text(app), "it is said")
        app.simulate_key("q")
        await until(pilot, lambda: app.return_code is not None, "it leaves")

    drive(app, script, size=(120, 40))
    assert app.return_code == 0
    assert performance.holds


def test_it_runs_by_itself_and_a_broken_claim_is_the_exit_status(tmp_path, monkeypatch):
    monkeypatch.setattr("cachedesk.desk.modes.live_story._PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("cachedesk.desk.modes.live_story._LETTERS_PER_SECOND", 1e6)
    performance = StoryRunner(story("the-gap").flipped("log"), tmp_path)
    app = StoryApp(performance)

    async def script(pilot: Pilot[None]) -> None:
        assert await pilot.click("#action-story-run")
        await until(pilot, lambda: performance.ended, "it has run to its end")
        app.simulate_key("q")
        await until(pilot, lambda: app.return_code is not None, "it leaves")

    drive(app, script, size=(120, 40))
    performance.close()
    assert app.return_code == 1


def test_who_leaves_in_the_middle_of_a_step_does_not_wait_for_it(tmp_path):
    waiting = parse(
        'title = "t"\n[[act]]\nname = "a"\n[[act.step]]\nwait = "accepted > 5"\nwithin = 600\n'
        '[[claim]]\nsays = "s"\nthat = "lost == 0"\n',
        "test",
        "waiting",
    )
    performance = StoryRunner(waiting, tmp_path)
    app = StoryApp(performance)

    async def script(pilot: Pilot[None]) -> None:
        app.simulate_key("right")
        await until(pilot, lambda: performance.scene().busy, "it waits")
        app.simulate_key("q")
        await until(pilot, lambda: app.return_code is not None, "it leaves")

    began = time.monotonic()
    drive(app, script, size=(120, 40))
    performance.close()
    assert time.monotonic() - began < 300, "the step would wait for 600"
    assert app.return_code == 0
