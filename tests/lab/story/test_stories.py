"""Every story holds on the real stack, and breaks when a safeguard that it rests on is flipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachedesk.lab.stories.library import NAMES, story
from cachedesk.lab.stories.reading import parse
from cachedesk.lab.stories.story_report import play

pytestmark = pytest.mark.slow

RESTS = [(name, safeguard) for name in NAMES for safeguard in story(name).rests_on]


@pytest.mark.parametrize("name", NAMES)
def test_a_story_holds(name: str, tmp_path: Path) -> None:
    account = play(story(name), tmp_path)
    assert account.failed == ""
    assert [claim for claim in account.claims if not claim.holds] == []


@pytest.mark.parametrize(("name", "safeguard"), RESTS)
def test_its_claims_fail_when_the_safeguard_is_flipped(
    name: str, safeguard: str, tmp_path: Path
) -> None:
    account = play(story(name).flipped(safeguard), tmp_path)
    assert not account.holds


def test_what_is_lost_is_named_by_id_and_key(tmp_path: Path) -> None:
    account = play(story("the-gap"), tmp_path)
    (act,) = account.as_json()["acts"]  # type: ignore[misc]
    assert len(act["lost"]) == 200
    assert act["lost"][0] == [1, "views:article:1"]
    assert any("200 lost: 1 (views:article:1)" in line for line in account.lines())


def test_every_story_that_needs_a_safeguard_off_or_on_says_so() -> None:
    for name in NAMES:
        told = story(name)
        off = {safeguard for act in told.act for safeguard in act.safeguards.off}
        assert off <= set(told.rests_on)


def test_the_example_of_a_story_holds_and_rests_on_what_it_says(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "assets" / "examples" / "my_story.toml"
    mine = parse(example.read_text("utf-8"), example.name, "mine")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert play(mine, tmp_path / "a").holds
    assert not play(mine.flipped("log"), tmp_path / "b").holds
