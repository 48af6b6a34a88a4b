"""The desk during a story: told step by step over a real stack, and what the strip looks like."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.desk.modes.live_story import StoryApp
from cachedesk.desk.story_choice import StoryChoice, offers_after
from cachedesk.desk.views.formats import ABSENT
from cachedesk.desk.widgets.action_bar import ActionButton
from cachedesk.lab.stories.library import story
from cachedesk.lab.stories.reading import parse
from cachedesk.lab.stories.story_runner import StoryRunner

from .piloting import drive, screen_text, until
from .stories import END, FAILED, FLIPPED, STACKS, STEP, Fixed

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
SCENES = {"step": STEP, "end": END, "failed": FAILED, "flipped": FLIPPED}
PICTURES = [
    pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
    for name in SCENES
    for size in SIZES
    if name == "step" or size == (80, 24)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), PICTURES)
def test_story(snap_compare, name, size):
    choice = StoryChoice("the-gap", "log" if name == "flipped" else "")
    offers = offers_after(choice, choice.story())
    app = StoryApp(Fixed(SCENES[name], STACKS[name]), refresh_hz=None, follows=False, offers=offers)
    assert snap_compare(app, terminal_size=size)


@pytest.fixture
def performance(tmp_path: Path):
    performance = StoryRunner(story("the-gap"), tmp_path)
    yield performance
    performance.close()


def buttons(app):
    """Return the words of the buttons that are shown."""
    return {it.words.partition(" ")[0] for it in app.desk.query(ActionButton) if it.display}


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
        app.simulate_key("l")
        await until(pilot, lambda: performance.snapshot().faults != (), "a fault is active")
        app.simulate_key("h")
        await until(pilot, lambda: performance.snapshot().faults == (), "it is healed")
        for step in range(2, 9):
            await press("right", step)
        app.simulate_key("right")
        await until(pilot, lambda: performance.ended, "the claims are decided")
        await until(pilot, lambda: "every claim holds" in screen_text(app), "it is said")
        await until(pilot, lambda: "kill" not in buttons(app), "no fault is offered")
        assert {"next", "back", "menu", "quit"} <= buttons(app)
        app.simulate_key("k")
        await pilot.pause()
        assert "Not done" not in screen_text(app), "the key does nothing"
        offered = [command.title for command in app.get_system_commands(app.screen)]
        assert not [title for title in offered if title.startswith(("Break", "Steer: safeguard"))]
        app.simulate_key("left")
        await until(pilot, lambda: not performance.ended and not app._in_step, "one step back")
        await until(pilot, lambda: "kill" in buttons(app), "the stack runs again")
        app.simulate_key("right")
        await until(pilot, lambda: performance.ended, "the end again")
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


def test_the_end_of_a_story_offers_the_next_one_and_the_flip(tmp_path):
    choice = StoryChoice("the-gap")
    told = choice.story()
    offers = offers_after(choice, told)
    assert [(offer.key, offer.choice) for offer in offers] == [
        ("N", StoryChoice("so-we-add-a-queue")),
        ("F", StoryChoice("the-gap", "log")),
    ]
    performance = StoryRunner(told, tmp_path)
    app = StoryApp(performance, offers=offers)

    async def script(pilot: Pilot[None]) -> None:
        await press(pilot, app, "F")
        assert app.return_code is None, "only at the end"
        for step in range(9):
            await press(pilot, app, "right")
            done = lambda s=step: not app._in_step and performance.scene().step >= min(s, 7)  # noqa: E731
            await until(pilot, done, f"step {step}")
        await until(pilot, lambda: "flip: the same with log on" in screen_text(app), "it is said")
        assert "200 views lost" in screen_text(app)
        await press(pilot, app, "F")
        await until(pilot, lambda: app.return_code is not None, "it leaves for the flip")

    drive(app, script, size=(120, 40))
    performance.close()
    assert app.wanted == StoryChoice("the-gap", "log")


def test_a_flipped_story_is_told_as_it_is_and_ends_in_a_finding(tmp_path):
    choice = StoryChoice("the-gap", "log")
    performance = StoryRunner(choice.story(), tmp_path)
    app = StoryApp(performance, offers=offers_after(choice, choice.story()))

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "FLIPPED: log on" in screen_text(app), "the badge")
        for step in range(1, 9):
            await press(pilot, app, "right")
            done = lambda s=step: performance.scene().step == s and not app._in_step  # noqa: E731
            await until(pilot, done, f"step {step}")
            assert "nowhere else" not in screen_text(app)
        await press(pilot, app, "right")
        await until(pilot, lambda: "nothing is lost: 3 of 4 claims" in screen_text(app), "said")
        assert "BROKEN" not in screen_text(app)

    drive(app, script, size=(120, 40))
    lines = {line.key: line for line in performance.scene().keys}
    performance.close()
    assert lines[b"views:article:50"].row == lines[b"views:article:50"].expected == b"4"


def test_the_keys_of_a_story_are_shown_with_what_should_be(performance):
    app = StoryApp(performance)

    async def script(pilot: Pilot[None]) -> None:
        for step in (1, 2, 3, 4, 5):
            await press(pilot, app, "right")
            done = lambda s=step: performance.scene().step == s and not app._in_step  # noqa: E731
            await until(pilot, done, f"step {step}")
        lost = lambda: performance.snapshot().redis.restarts == 1  # noqa: E731
        await until(pilot, lost, "Redis is back, empty")
        await until(pilot, lambda: _row(app, "views:article:50") == [*3 * [ABSENT], "4"], "gone")
        assert _row(app, "payment:20")[-4:] == ["paid", "20", "paid", "20"], (
            "in SQLite, as it should be"
        )
        assert "Hit rate" not in screen_text(app), "the charts give way"

    drive(app, script, size=(120, 40))


def _row(app: StoryApp, key: str) -> list[str]:
    lines = str(app.key_lines.render()).splitlines()
    return next(line.split()[1:] for line in lines if line.split()[0] == key)


def test_going_back_says_what_is_replayed(performance, monkeypatch):
    for _ in range(4):
        performance.advance()
    seen = []
    play = performance._play

    def watched(*given) -> None:
        seen.append(performance.scene())
        play(*given)

    monkeypatch.setattr(performance, "_play", watched)
    performance.back()
    assert [(scene.step, scene.replaying, scene.came) for scene in seen] == [
        (0, 3, ""),
        (1, 3, ""),
        (2, 3, ""),
    ]
    scene = performance.scene()
    assert (scene.step, scene.replaying, scene.busy) == (3, 0, False)
    assert scene.came == "20 writes acknowledged"


async def press(pilot: Pilot[None], app: StoryApp, key: str) -> None:
    app.simulate_key(key)
    await pilot.pause()
