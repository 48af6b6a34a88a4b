"""Two stacks from the desk of a running one: what may differ, what is chosen, and the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cachedesk.core.commands import Inject
from cachedesk.core.errors import ConfigError, Unavailable
from cachedesk.core.safeguards import NAMES, Safeguards
from cachedesk.core.settings import MEBIBYTE, Settings
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.modes.live import play
from cachedesk.desk.modes.pair_opener import PairOpener
from cachedesk.desk.modes.pair_session import OpposedApp
from cachedesk.desk.screens.versus_choice import VersusChoiceScreen
from cachedesk.desk.side_by_side import SideBySide
from cachedesk.desk.story_choice import StoryChoice
from cachedesk.desk.views.versus_offers import offers
from cachedesk.lab.versus.opposed import opposed

from . import pairs
from .pairs import FixedPair
from .piloting import RecordingControl, desk, drive, screen_text, until
from .scenes import HEALTHY, FixedSource

POLICIES = Settings().policies
SIZES = ("60x20", "80x24", "120x40")
STEERED = replace(
    HEALTHY,
    rate=500.0,
    safeguards=Safeguards(read_repair=False),
    redis=replace(HEALTHY.redis, maxmemory_bytes=32 * MEBIBYTE, eviction_policy="allkeys-lfu"),
    worker=replace(HEALTHY.worker, batch_events=7, batch_age_seconds=1.5),
)


def live(scene: Snapshot = STEERED, control: Any = "usual", **more: Any) -> PairOpener:
    """Return the desk of a live stack that was opened with the usual settings."""
    control = RecordingControl() if control == "usual" else control
    more = {"settings": Settings(), "rate": 1_000.0, **more}
    return PairOpener(FixedSource(scene), control, refresh_hz=None, **more)


async def _asked(app: PairOpener, pilot: Pilot[None]) -> VersusChoiceScreen:
    await until(pilot, lambda: app.desk.latest is not None, "something is shown")
    app.simulate_key("v")
    await until(pilot, lambda: isinstance(app.screen, VersusChoiceScreen), "it asks")
    screen = app.screen
    assert isinstance(screen, VersusChoiceScreen)
    assert "by key pattern  → " in screen_text(app)
    await until(pilot, lambda: screen.settled, "it takes keys")
    return screen


class TestTheSetups:
    def test_the_left_one_is_as_the_stack_is_now(self):
        left, right = opposed("log=off", Settings(), STEERED)
        for side in (left, right):
            assert side.settings.redis.maxmemory_bytes == 32 * MEBIBYTE
            assert side.settings.redis.eviction_policy == "allkeys-lfu"
            assert side.settings.worker.batch_events == 7
            assert side.settings.worker.batch_age_seconds == 1.5
        assert left.safeguards == STEERED.safeguards
        assert right.safeguards.off == ("log", "read_repair")
        assert (left.title, right.title) == ("log=on", "log=off")

    def test_two_values_are_in_their_order(self):
        left, right = opposed("batch=5,50", Settings(), STEERED)
        assert (left.settings.worker.batch_events, right.settings.worker.batch_events) == (5, 50)

    def test_what_is_unknown_stays_as_it_was_opened(self):
        left, _ = opposed("log=off", Settings(), Snapshot(at=0.0))
        assert left.settings == Settings()

    @pytest.mark.parametrize("difference", ["", "log", "log=on", "logg=off", "maxmemory=1kb"])
    def test_what_makes_no_difference_or_no_sense_is_refused(self, difference):
        with pytest.raises(ConfigError):
            opposed(difference, Settings(), HEALTHY)


class TestWhatIsOffered:
    def test_every_value_differs_from_the_present_one(self):
        found = offers(STEERED, POLICIES)
        for offer in found:
            for value in offer.values:
                left, right = opposed(value.difference, Settings(), STEERED)
                assert (left.settings, left.safeguards) != (right.settings, right.safeguards)

    def test_the_present_values_are_those_of_the_stack(self):
        now = {offer.label: offer.now for offer in offers(STEERED, POLICIES)}
        assert now["log"] == "on"
        assert now["read repair"] == "off"
        assert now["maxmemory"] == "32.0 MiB"
        assert now["eviction"] == "allkeys-lfu"
        assert now["batch"] == "7"

    def test_a_cache_that_says_nothing_of_its_memory_is_not_compared_by_it(self):
        silent = replace(HEALTHY.redis, maxmemory_bytes=0, eviction_policy="")
        labels = {offer.label for offer in offers(replace(HEALTHY, redis=silent), POLICIES)}
        assert len(labels) == len(NAMES) + 2


class TestTheChoice:
    def test_enter_leaves_the_desk_for_two_stacks_at_its_rate(self):
        app = live()

        async def script(pilot):
            await _asked(app, pilot)
            await pilot.press("enter")
            await until(pilot, lambda: app.return_code is not None, "it leaves")

        drive(app, script)
        assert app.wanted == SideBySide(opposed("log=off", Settings(), STEERED), 500.0)

    def test_another_value_is_taken_with_the_arrows(self):
        app = live()

        async def script(pilot):
            screen = await _asked(app, pilot)
            row = [offer.label for offer in screen._offers].index("maxmemory")
            await pilot.press(*["down"] * row, "right", "right", "left")
            assert "8.00 MiB" in screen_text(app)
            await pilot.press("enter")
            await until(pilot, lambda: app.return_code is not None, "it leaves")

        drive(app, script)
        assert isinstance(app.wanted, SideBySide)
        assert app.wanted.setups[1].settings.redis.maxmemory_bytes == 8 * MEBIBYTE

    def test_what_is_typed_is_checked_before_the_desk_is_left(self):
        app = live()

        async def script(pilot):
            screen = await _asked(app, pilot)
            await pilot.press("tab", *"logg=off", "enter")
            await until(pilot, lambda: "did you mean 'log'" in screen_text(app), "it is refused")
            assert app.screen is screen
            for _ in "logg=off":
                await pilot.press("backspace")
            await pilot.press(*"worker.batch_age_seconds=3", "left", "right", "enter")
            await until(pilot, lambda: app.return_code is not None, "it leaves")

        drive(app, script)
        assert isinstance(app.wanted, SideBySide)
        assert app.wanted.setups[1].settings.worker.batch_age_seconds == 3.0

    def test_escape_goes_back_to_the_desk(self):
        app = live()

        async def script(pilot):
            await _asked(app, pilot)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.desk, "it is closed")

        drive(app, script)
        assert app.wanted is None

    def test_a_desk_without_a_stack_says_so(self):
        app = desk(RecordingControl())

        async def script(pilot):
            await until(pilot, lambda: app.desk.latest is not None, "something is shown")
            await pilot.press("v")
            await until(pilot, lambda: len(app._notifications) == 1, "it says so")
            (toast,) = app._notifications
            assert "a live stack only" in toast.message
            assert not app.opens_side_by_side

        drive(app, script, (120, 40))
        assert app.wanted is None

    def test_a_read_only_desk_has_no_such_key(self):
        app = live(control=None)

        async def script(pilot):
            await until(pilot, lambda: app.desk.latest is not None, "something is shown")
            await pilot.press("v")
            await pilot.pause()
            assert app.screen is app.desk
            assert not app.opens_side_by_side

        drive(app, script)


class TestOpenSideBySide:
    def test_it_leaves_with_the_fault(self):
        app = live()

        async def script(pilot):
            await until(pilot, lambda: app.desk.latest is not None, "something is shown")
            assert app.opens_side_by_side
            app.open_side_by_side("effectively_once=off", "worker.crash")
            await until(pilot, lambda: app.return_code is not None, "it leaves")

        drive(app, script)
        assert isinstance(app.wanted, SideBySide)
        assert app.wanted.fault == "worker.crash"
        assert app.wanted.setups[1].safeguards.off == ("read_repair", "effectively_once")

    def test_what_makes_no_difference_is_one_sentence(self):
        app = live()

        async def script(pilot):
            await until(pilot, lambda: app.desk.latest is not None, "something is shown")
            app.open_side_by_side("read_repair=off", None)
            await until(pilot, lambda: "both sides would be" in screen_text(app), "it is said")

        drive(app, script, (120, 40))
        assert app.wanted is None

    def test_a_stack_that_is_warmed_up_has_the_rate_that_it_was_opened_with(self):
        app = live(replace(STEERED, rate=None, ticks=()))

        async def script(pilot):
            await until(pilot, lambda: app.desk.latest is not None, "something is shown")
            app.open_side_by_side("log=off")
            await until(pilot, lambda: app.return_code is not None, "it leaves")

        drive(app, script)
        assert isinstance(app.wanted, SideBySide)
        assert app.wanted.rate == 1_000.0


class TestTheTwoStacks:
    def test_the_fault_comes_once_both_are_open(self):
        source, control = FixedPair(pairs.STARTING), RecordingControl()
        app = OpposedApp(source, control, refresh_hz=None, fault="redis.kill", fault_seconds=0.01)

        async def script(pilot):
            await until(pilot, lambda: app.versus.shown is not None, "both are starting")
            assert control.commands == []
            source.value = pairs.EXPOSED
            for _ in range(3):
                await app._puller.once()
            await until(pilot, lambda: control.commands != [], "it is injected")
            await app._puller.once()
            assert control.commands == [Inject("redis.kill")]

        drive(app, script, (120, 40))

    @pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
    def test_it_says_where_the_desk_is(self, size):
        app = OpposedApp(FixedPair(pairs.EXPOSED), RecordingControl(), refresh_hz=None)

        async def script(pilot):
            await until(pilot, lambda: app.versus.shown is not None, "both are shown")
            text = " ".join(screen_text(app).replace("▌", " ").split())
            assert "q back" in text
            assert "q goes back" in text
            assert "workload rests" in text

        drive(app, script, size)


class TestTheWayBack:
    def test_what_came_of_it_is_said_once(self):
        app = live(notice="right (log=off): 900 writes accepted, 20 LOST: #1 #2")

        async def script(pilot):
            await until(pilot, lambda: "20 LOST" in screen_text(app), "it is said")
            await app._puller.once()
            assert len(app._notifications) == 1

        drive(app, script, (120, 40))

    @pytest.mark.parametrize("error", [Unavailable("no room"), OSError("no room")])
    @pytest.mark.parametrize("wanted", [StoryChoice("the-gap"), "pair"], ids=["story", "pair"])
    def test_what_cannot_be_opened_is_one_sentence(self, error, wanted):
        class Failing:
            def play(self, *rest):
                raise error

            show = play

        if wanted == "pair":
            wanted = SideBySide(opposed("log=off", Settings(), HEALTHY), None)
        said = play(wanted, Failing(), Failing(), None, None)
        assert said.endswith("could not be opened: no room")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
def test_picture(snap_compare, size):
    assert snap_compare(live(HEALTHY), terminal_size=size, press=["v", "down"])


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
def test_opposed(snap_compare, size):
    app = OpposedApp(FixedPair(pairs.EXPOSED), RecordingControl(), refresh_hz=None)
    assert snap_compare(app, terminal_size=size)


def test_every_picture_is_compared():
    kept = Path(__file__).parent / "__snapshots__" / "test_side_by_side"
    assert {path.stem for path in kept.iterdir()} == {
        *(f"test_{name}[{size}]" for name in ("picture", "opposed") for size in SIZES),
    }
