"""Tours: errors in their files, and how they are guided, without a screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cachedesk.core.commands import Command, PauseWorker, ResumeWorker, SetSafeguard
from cachedesk.core.errors import ConfigError
from cachedesk.core.snapshot import Books, RedisState, Snapshot
from cachedesk.lab.stories.reading import StoryError
from cachedesk.lab.stories.tour_figures import TOUR_FIGURES
from cachedesk.lab.stories.tour_guide import Phase, TourGuide
from cachedesk.lab.stories.tour_reading import built_in_tour, parse_tour, read_tour
from cachedesk.lab.stories.tour_script import TourStep

DOCS = Path(__file__).parents[3] / "assets" / "docs" / "tours.md"
FILE = """title = "A tour"

[[station]]
title = "One"

[[station.step]]
say = "Press k."
focus = "flow"
note = { before = "redis_restarts", lost_before = "lost" }
ask = "What is lost?"
choices = ["nothing", "something"]
answer = "1 + (lost > lost_before)"
press = "k"
wait = "redis_restarts > before"
because = "{lost - lost_before} lost."

[[station]]
title = "Two"

[[station.step]]
say = "The log is off."
safeguard = { log = false }
worker = "pause"
then = "{pending} pending."
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "say =",
            "sy =",
            "line 7: station[1].step[1].sy: there is no such field; did",
        ),
        ('press = "k"', 'press = "x"', "line 13: station[1].step[1].press: "),
        ('focus = "flow"', 'focus = "redis"', "line 8: station[1].step[1].focus: "),
        ('"redis_restarts > before"', '"redis_restart > 1"', "line 14: "),
        ("{lost - lost_before}", "{lost - lost_befor}", "did you mean 'lost_before'?"),
        ("(lost > lost_before)", "(lust > lost_before)", "line 12: station[1].step[1].answer: "),
        ('"1 + (lost > lost_before)"', "3", "the answer is the number of a choice, 1 to 2"),
        ('answer = "1 + (lost > lost_before)"', "", "a question needs an answer"),
        ('["nothing", "something"]', '["nothing"]', "a question has 2 to 9 choices"),
        ('ask = "What is lost?"', "", "line 11: station[1].step[1].choices: belongs to a question"),
        ("before = ", "lost = ", "'lost' cannot name a figure"),
        ("log = false", "lok = false", "there is no safeguard 'lok'"),
        ("{pending}", "{pendin}", "line 24: station[2].step[1].then: "),
        ('title = "Two"', "", "required field title"),
    ],
)
def test_an_error_is_reported_with_its_line(old: str, new: str, says: str) -> None:
    assert old in FILE
    with pytest.raises(StoryError, match=r"^my\.toml") as raised:
        parse_tour(FILE.replace(old, new, 1), "my.toml")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_tour(tmp_path / "none.toml")


def test_the_example_of_the_document_is_a_tour_and_its_lists_are_complete() -> None:
    text = DOCS.read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert parse_tour(example[1], "tours.md").station[0].step[0].press == "k"
    for name in (*TOUR_FIGURES, *TourStep.__struct_fields__):
        assert f"`{name}`" in text, name


def test_the_tour_has_six_stations_and_a_question_in_each() -> None:
    tour = built_in_tour()
    assert len(tour.station) == 6
    assert all(any(step.ask for step in station.step) for station in tour.station)


class Walk:
    """A tour in the hand of a test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.commands: list[Command] = []
        self.snapshot = Snapshot(0.0, redis=RedisState(restarts=1))
        tour = parse_tour(FILE, "my.toml")
        self.guide = TourGuide(tour, self.snapshot, self.commands.append, lambda: self.now)

    def see(self, *, restarts: int, lost: int = 0, pending: int = 0) -> None:
        books = Books(accepted=100, applied=100 - lost - pending, pending=pending)
        self.snapshot = replace(self.snapshot, redis=RedisState(restarts=restarts), books=books)
        self.guide.observe(self.snapshot)


@pytest.mark.parametrize(("lost", "right"), [(0, 1), (7, 2)])
@pytest.mark.parametrize("chosen", [1, 2])
def test_the_run_decides_which_answer_is_right(lost: int, right: int, chosen: int) -> None:
    walk = Walk()
    guide = walk.guide
    assert guide.scene().phase is Phase.ASK
    guide.press("k")
    assert guide.scene().phase is Phase.ASK, "a key before its time is not counted"
    guide.choose(3)
    guide.choose(chosen)
    assert guide.scene().phase is Phase.PRESS
    guide.press("l")
    guide.onward()
    assert guide.scene().phase is Phase.PRESS, "only the key that was named"
    guide.press("k")
    walk.see(restarts=1)
    assert guide.scene().phase is Phase.WAIT
    walk.see(restarts=2, lost=lost)
    scene = guide.scene()
    assert (scene.phase, scene.chosen, scene.right) == (Phase.TOLD, chosen, right)
    assert scene.told == f"{lost} lost."
    assert (scene.right_answers, scene.answers) == (int(chosen == right), 1)


def test_a_condition_that_does_not_come_true_spoils_no_score() -> None:
    walk = Walk()
    walk.guide.choose(1)
    walk.guide.press("k")
    walk.now = 61.0
    walk.see(restarts=1)
    scene = walk.guide.scene()
    assert (scene.phase, scene.answers) == (Phase.TOLD, 0)
    assert "did not happen within 60 s" in scene.told


def test_a_class_goes_on_without_an_answer_and_without_a_score() -> None:
    walk = Walk()
    walk.guide.onward()
    walk.guide.press("k")
    walk.see(restarts=2)
    scene = walk.guide.scene()
    assert (scene.phase, scene.right, scene.answers) == (Phase.TOLD, 1, 0)


@pytest.mark.parametrize("leaves", [True, False], ids=["in the middle", "at the end"])
def test_what_the_tour_has_switched_is_taken_back(leaves: bool) -> None:
    walk = Walk()
    walk.guide.choose(1)
    walk.guide.press("k")
    walk.see(restarts=2, pending=5)
    walk.guide.onward()
    assert walk.commands == [SetSafeguard("log", False), PauseWorker()]
    assert walk.guide.scene().told == "5 pending."
    if leaves:
        walk.guide.restore()
    else:
        walk.guide.onward()
        assert walk.guide.ended
        assert walk.guide.score == "1 of 1 answers right"
    assert walk.commands[2:] == [SetSafeguard("log", True), ResumeWorker()]
    walk.guide.restore()
    assert len(walk.commands) == 4
