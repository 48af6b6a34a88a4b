"""The list of stories: from the desk to a story and back, and what was passed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.desk import onboarding
from cachedesk.desk.app import DeskApp
from cachedesk.desk.screens.stories import StoriesScreen, listed_stories
from cachedesk.desk.story_choice import StoryChoice, offers_after
from cachedesk.lab.stories.library import NAMES

from .piloting import desk, drive, screen_text, until


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(onboarding, "state_folder", lambda: tmp_path)
    return tmp_path


async def _opened(app: DeskApp, pilot: Pilot[None]) -> StoriesScreen:
    app.simulate_key("t")
    await until(pilot, lambda: isinstance(app.screen, StoriesScreen), "the list is open")
    screen = app.screen
    assert isinstance(screen, StoriesScreen)
    await until(pilot, lambda: screen.settled, "it takes keys")
    return screen


def test_enter_leaves_the_desk_for_the_story() -> None:
    app = desk()

    async def script(pilot: Pilot[None]) -> None:
        await _opened(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.return_code is not None, "it leaves")

    drive(app, script)
    assert app.wanted == StoryChoice(listed_stories()[1].choice.name)


def test_escape_goes_back_to_the_desk() -> None:
    app = desk()

    async def script(pilot: Pilot[None]) -> None:
        await _opened(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.desk, "it is closed")

    drive(app, script)
    assert app.wanted is None


def test_what_was_passed_is_marked_and_the_next_one_is_chosen() -> None:
    first = listed_stories()[0]
    onboarding.note_passed(first.choice.name, "every claim holds")
    app = desk()

    async def script(pilot: Pilot[None]) -> None:
        screen = await _opened(app, pilot)
        assert screen.stories.highlighted == 1
        assert f"✓ {first.title}" in screen_text(app)
        await pilot.press("up")
        await until(pilot, lambda: "Passed: every claim holds." in screen_text(app), "it is said")

    drive(app, script, size=(120, 40))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"the-gap": ', "\x00"])
def test_a_damaged_record_is_as_good_as_none(state: Path, content: str) -> None:
    (state / "passed.json").write_text(content)
    assert onboarding.passed() == {}
    onboarding.note_passed("the-gap", "every claim holds")
    assert onboarding.passed() == {"the-gap": "every claim holds"}


def test_a_state_folder_that_cannot_be_written_is_no_error(state: Path) -> None:
    (state / "file").touch()
    onboarding.note_passed("the-gap", "x", state / "file")
    assert onboarding.passed(state / "file") == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_story_leads_to_another_one(name: str) -> None:
    for flip in ("", *StoryChoice(name).story().rests_on):
        choice = StoryChoice(name, flip)
        offers = offers_after(choice, choice.story())
        assert offers or name == NAMES[-1]
        assert all(
            offer.choice.story().title in offer.words or offer.key == "F" for offer in offers
        )
