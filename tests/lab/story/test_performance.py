"""A performance goes forth and back, and ends whatever happens."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from cachedesk.core.commands import Inject
from cachedesk.core.errors import Unavailable
from cachedesk.core.snapshot import Health, Snapshot
from cachedesk.lab.stories.reading import parse
from cachedesk.lab.stories.story_runner import StoryRunner

TWO_ACTS = """
title = "Two acts"
about = "It begins."

[[act]]
name = "first"
[[act.step]]
say = "A view."
incr = { keys = "views:1" }
[[act.step]]
note = { so_far = "accepted" }
[[act.step]]
say = "Another."
incr = { keys = "views:1", times = 2 }

[[act]]
name = "second"
[[act.step]]
say = "An order."
set = { keys = "order:{1..3}" }

[[claim]]
says = "It adds up"
that = "first.accepted == 3 and first.so_far == 1 and second.applied == 3 and first.lost == 0"
[[claim]]
says = "It does not"
that = "second.applied > 3"
"""


@pytest.fixture
def performance(tmp_path: Path) -> StoryRunner:
    performance = StoryRunner(parse(TWO_ACTS, "test", "two-acts"), tmp_path)
    yield performance  # type: ignore[misc]
    performance.close()


def test_it_is_told_step_by_step(performance: StoryRunner) -> None:
    scene = performance.scene()
    assert (scene.say, scene.act, scene.step, scene.steps) == ("It begins.", "first", 0, 3)
    performance.advance()
    scene = performance.scene()
    assert (scene.say, scene.doing, scene.step) == ("A view.", "incr views:1", 1)
    assert scene.came == "1 write acknowledged"
    assert performance.snapshot().books.accepted == 1
    for _ in range(3):
        performance.advance()
    scene = performance.scene()
    assert (scene.act, scene.act_number, scene.step, scene.ended) == ("second", 2, 1, False)
    performance.advance()
    assert performance.ended
    assert [claim.holds for claim in performance.scene().claims] == [True, False]
    assert performance.scene().claims[1].found == "second.applied = 3"
    assert not performance.holds
    # The last act stays to be looked at; nothing more can be done to it.
    last = performance.snapshot()
    assert last.books.applied == 3
    assert (last.database.health, last.redis.health) == (Health.UP, Health.UP)
    with pytest.raises(Unavailable):
        performance.perform(Inject("redis.kill"))


def test_back_plays_the_act_again_up_to_the_step_before(performance: StoryRunner) -> None:
    for _ in range(3):
        performance.advance()
    assert performance.snapshot().books.accepted == 3
    performance.back()
    assert performance.scene().step == 2
    assert performance.snapshot().books.accepted == 1
    performance.back()
    performance.back()
    assert performance.scene().step == 0
    assert performance.scene().say == "It begins."
    performance.back()
    assert performance.scene().step == 0
    while not performance.ended:
        performance.advance()
    performance.back()
    scene = performance.scene()
    assert (scene.ended, scene.act, scene.step) == (False, "second", 1)
    assert [claim.holds for claim in scene.claims] == [None, None]
    performance.advance()
    assert [claim.holds for claim in performance.scene().claims] == [True, False]


def test_what_does_not_come_true_ends_the_story(tmp_path: Path) -> None:
    story = parse(
        'title = "t"\n[[act]]\nname = "a"\n[[act.step]]\nwait = "accepted > 5"\nwithin = 0.05\n'
        '[[claim]]\nsays = "s"\nthat = "a.lost == 0"\n',
        "test",
        "t",
    )
    performance = StoryRunner(story, tmp_path)
    performance.advance()
    scene = performance.scene()
    assert scene.ended
    assert "act a, step 1: accepted > 5 did not come true within 0.05 s" in scene.failed
    assert not performance.holds
    performance.close()


def test_no_sight_is_of_a_stack_that_is_being_closed(performance: StoryRunner) -> None:
    """A desk looks twice a second, also while an act is closed, judged, and played again."""
    seen: list[Snapshot] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(performance.snapshot())

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while not performance.ended:
            performance.advance()
        performance.back()
        performance.advance()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert {shot.database.word for shot in seen} == {"up"}
    assert performance.snapshot().log.word == "up"


def test_an_act_that_cannot_be_opened_again_ends_the_story(
    performance: StoryRunner, tmp_path: Path
) -> None:
    performance.advance()
    performance.advance()
    performance._runner.close()
    shutil.rmtree(tmp_path / "first")
    # No data directory can be made where there is a file.
    (tmp_path / "first").touch()
    performance.back()
    scene = performance.scene()
    assert scene.ended
    assert scene.failed.startswith("act ")
    assert not performance.holds
