"""The tour on the desk: taken by its keys over a real stack, and what it looks like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.modes.touring import TOUR, LiveApp, TourPlan
from cachedesk.desk.onboarding import passed
from cachedesk.desk.panels.hit_rate import HIT_RATE
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from cachedesk.lab.stories.tour_guide import Phase
from cachedesk.lab.stories.tour_reading import parse_tour
from tests.engine.until import unhurried

from . import scenes
from .fitting import misfits
from .made_history import Half, after
from .piloting import ChangingSource, RecordingControl, drive, screen_text, until

_TRAFFIC = WorkloadTraffic("article", 1, 50)
SHORT = parse_tour(
    """
title = "Short"
[[station]]
title = "The log"
[[station.step]]
focus = "queue depth"
say = "Press p."
note = { before = "pending" }
ask = "What happens to new views?"
choices = ["they are lost", "they wait in the log"]
answer = "1 + (pending > before)"
press = "p"
wait = "pending > before + 20"
because = "{pending} wait."
[[station.step]]
say = "Press p again."
press = "p"
wait = "pending < 20"
[[station]]
title = "A kill without the log"
[[station.step]]
say = "The log is off."
note = { pending_then = "pending" }
safeguard = { log = false }
worker = "pause"
wait = "pending > pending_then + 20"
[[station.step]]
focus = "books"
say = "Press k."
note = { lost_then = "lost", restarts = "redis_restarts" }
ask = "Is anything lost?"
choices = ["no", "yes"]
answer = "1 + (lost > lost_then)"
press = "k"
wait = "redis_restarts > restarts and redis_up and lost > lost_then"
because = "{lost - lost_then} writes are lost."
""",
    "short.toml",
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(tmp_path / "data", unhurried(), _TRAFFIC, Load(4, 400.0)) as running:
        running.start()
        yield running


def test_the_tour_is_taken_by_its_keys_and_scored_by_the_run(session: Session) -> None:
    app = LiveApp(session, session, plan=TourPlan(SHORT, at_once=True))

    def phase() -> Phase | None:
        return app.guide.scene().phase if app.guide else None

    async def script(pilot: Pilot[None]) -> None:
        async def told() -> None:
            await until(pilot, lambda: phase() is Phase.TOLD, "the step is told")

        await until(pilot, lambda: phase() is Phase.ASK, "the tour begins")
        assert app.desk.has_class("-touring")
        await pilot.press("2")
        await pilot.press("p")
        await told()
        assert session.stack.snapshot().worker.paused
        assert "✓ right" in screen_text(app)
        await pilot.press("right")
        await pilot.press("p")
        await told()
        assert not session.stack.snapshot().worker.paused
        await pilot.press("space")
        await told()
        now = session.stack.snapshot()
        assert now.safeguards.off == ("log",)
        assert not app.desk.frozen, "space goes on"
        await pilot.press("right")
        await pilot.press("1")
        await pilot.press("k")
        await told()
        lost = session.stack.snapshot().books
        assert lost.accepted > lost.applied + lost.pending + lost.dead
        assert "✗ it is 2" in screen_text(app)
        await pilot.press("right")
        await until(pilot, lambda: phase() is Phase.ENDED, "the end")
        assert "1 of 2 answers right" in screen_text(app)
        restored = lambda: session.stack.snapshot().safeguards.off == ()  # noqa: E731
        await until(pilot, restored, "the log is on again")
        await until(pilot, lambda: not session.stack.snapshot().worker.paused, "it continues")
        await pilot.press("escape")
        await until(pilot, lambda: not app.query("TourStrip"), "the strip is gone")

    drive(app, script, size=(120, 40))
    assert passed()["tour"] == "1 of 2 answers right"


def test_the_greeting_leads_to_the_tour(session: Session) -> None:
    app = LiveApp(session, session, greeting=True)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "take the tour" in screen_text(app), "it is offered")
        await until(pilot, lambda: app.desk.latest is not None, "the desk is up")
        await pilot.press("space")
        await until(pilot, lambda: app.guide is not None, "the tour begins")
        assert not app.desk.greeting
        await pilot.press("escape")
        assert app.guide is None
        assert not app.desk.has_class("-touring")

    drive(app, script, size=(120, 40))


def test_the_list_of_stories_begins_with_the_tour(session: Session) -> None:
    app = LiveApp(session, session)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.desk.latest is not None, "the desk is up")
        await pilot.press("t")
        await until(pilot, lambda: "Tours and stories" in screen_text(app), "the list")
        await pilot.press("home", "enter")
        await until(pilot, lambda: app.guide is not None, "the tour begins")
        assert app.return_code is None, "the desk stays open"

    drive(app, script, size=(120, 40))


def test_a_read_only_desk_has_no_tour() -> None:
    app = LiveApp(ChangingSource(scenes.HEALTHY), None, refresh_hz=None, greeting=True)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("space")
        assert app.guide is None
        assert app.listed[0].choice.name != "tour"

    drive(app, script)


def standing() -> Snapshot:
    """Return the desk that the tour begins on in pictures."""
    # Half of the reads are hits.
    usual = Half(hits=202, overlay=3, database=199, through=15, behind=81, flushed=81, rows=50)
    begun = after(scenes.UPTIME - scenes.SECONDS, 60, usual)
    return scenes.scene(lambda *_: usual, depth=60, begun=begun, rate=1_000.0, events=())


def _standing(*, large: bool = False) -> LiveApp:
    source = ChangingSource(standing())
    plan = TourPlan(at_once=True, large=large)
    return LiveApp(source, RecordingControl(), refresh_hz=None, plan=plan)


def test_the_tour_begins_again_while_it_is_taken() -> None:
    app = _standing()

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.guide is not None, "the tour begins")
        first = app.guide
        app.leave_for(StoryChoice(TOUR))
        assert app.guide is not first
        await until(pilot, lambda: len(app.query("TourStrip")) == 1, "one strip is left")

    drive(app, script)


def test_what_the_tour_speaks_of_has_room_at_each_size() -> None:
    app = _standing()

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.guide is not None, "the tour begins")
        for size in ((60, 20), (80, 24), (120, 36), (120, 40), (250, 20), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: misfits(app, keys=False) == [], f"it fits {app.size}")
            assert app.desk.panels[HIT_RATE.number].is_on_screen

    drive(app, script)


def test_a_class_sees_the_question_and_the_whole_flow() -> None:
    app = _standing(large=True)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.guide is not None, "the tour begins")
        for size in ((80, 24), (120, 40), (160, 50)):
            await pilot.resize_terminal(*size)

            def is_whole() -> bool:
                shown = screen_text(app)
                return all(word in shown for word in ("Redis  ", "SQLite ", "Log  ", "Worker "))

            await until(pilot, is_whole, f"all of the flow is there at {size}")
            assert "when the class has answered" in screen_text(app)

    drive(app, script)


SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
PICTURES = [
    pytest.param(large, keys, size, id=f"{name}-{size[0]}x{size[1]}")
    for name, large, keys in (("ask", False, []), ("told", False, ["3"]), ("class", True, []))
    for size in SIZES
    if name == "ask" or size == (80, 24)
]


@pytest.mark.slow
@pytest.mark.parametrize(("large", "keys", "size"), PICTURES)
def test_a_tour_looks_like_this(snap_compare, size, large, keys) -> None:
    assert snap_compare(_standing(large=large), terminal_size=size, press=keys)
