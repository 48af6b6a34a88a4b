"""The card on the desk: it appears when a fault ends, hides nothing else, and takes no key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from cachedesk.core.commands import Inject
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.app import DeskApp
from cachedesk.desk.modes.touring import LiveApp, TourPlan
from cachedesk.desk.screens.inspector import InspectorScreen
from cachedesk.desk.widgets.event_list import EventList

from . import reports, scenes
from .piloting import (
    ChangingSource,
    FixedInspector,
    RecordingControl,
    click,
    desk,
    drive,
    screen_text,
    until,
    write,
)
from .test_incident_card import GONE, at, lossy
from .test_incidents import killed, locked

KILL = killed(4)
BEFORE, AFTER = at(4.2, KILL), at(2, KILL, redis=replace(scenes.HEALTHY.redis, keys=318))
HELD_BY = "fast writes were in it and not yet in the database"
SIZES = ((60, 20), (80, 24), (120, 40), (160, 50), (250, 70))


class Comparing(DeskApp):
    """A desk that can open two stacks, and remembers what it was asked to compare."""

    asked: tuple[str, str | None] | None = None
    READING_SECONDS = 0.0

    @property
    def opens_side_by_side(self) -> bool:
        return True

    def open_side_by_side(self, difference: str, fault: str | None = None) -> None:
        self.asked = difference, fault


def comparing(**more):
    inspector = FixedInspector(reports.PENDING)
    control = RecordingControl()
    return Comparing(
        ChangingSource(BEFORE), control, refresh_hz=None, inspector=inspector, **more
    ), control  # fmt: skip


def shown(app):
    return app.desk.card_pane.display


async def let_it_end(app, pilot, after: Snapshot = AFTER):
    app.time_machine._source.value = after
    app._show(after)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("loss", [False, True], ids=["held", "lost"])
def test_a_card_covers_nothing_but_the_lists(size, loss):
    kill, off = lossy()
    before, after = (at(4.2, kill, **off), at(2, kill, **off, books=GONE)) if loss else (
        BEFORE, AFTER)  # fmt: skip
    app, _ = comparing()

    async def script(pilot):
        app._show(before)
        await pilot.pause()
        text = screen_text(app)
        assert not shown(app)
        await let_it_end(app, pilot, after)
        pane, lists = app.desk.card_pane, app.desk.query_one("#lists")
        assert lists.region.contains_region(pane.region)
        assert pane.region.bottom == lists.region.bottom
        rows = screen_text(app).splitlines()
        card = "\n".join(rows[pane.region.y : pane.region.bottom])
        assert "Redis was killed at 15:29:56" in card
        assert ("lost 3 acknowledged writes" if loss else "lost no acknowledged write") in card
        assert "with and without the log, side by side" in card
        assert "any key closes" in card
        assert any("accepted" in row or "BALANCE" in row for row in rows[1:4])
        assert rows[-1] == text.splitlines()[-1]
        if size[1] >= 40:
            assert ("in Redis only until" if loss else HELD_BY) in card

    drive(app, script, size)


def test_it_slides_in_where_animations_are_on():
    app, _ = comparing()
    app.animation_level = "full"

    async def script(pilot):
        await let_it_end(app, pilot)
        pane = app.desk.card_pane
        await until(pilot, lambda: not pane.offset, "it is in its place")
        assert pane.region.bottom == app.desk.query_one("#lists").region.bottom
        await pilot.press("x")
        await pilot.press("I")
        await until(pilot, lambda: not pane.offset, "it is in its place again")

    drive(app, script)


def test_any_key_closes_it_and_acts_as_usual():
    app, control = comparing()

    async def script(pilot):
        await let_it_end(app, pilot)
        assert shown(app)
        await pilot.press("k")
        await until(pilot, lambda: control.commands == [Inject("redis.kill")], "it was killed")
        assert not shown(app)
        # It does not come back with the next snapshot.
        await let_it_end(app, pilot, at(1, KILL))
        assert not shown(app)

    drive(app, script)


def test_keys_that_are_typed_into_the_filter_close_it_and_are_typed():
    app, _ = comparing()

    async def script(pilot):
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, Input), "the filter is open")
        await let_it_end(app, pilot)
        write(app, "likes")
        await until(pilot, lambda: app.desk.key_table.filter_text == "likes", "it was typed")
        assert not shown(app)

    drive(app, script)


def test_enter_opens_two_stacks_with_the_fault_and_the_safeguard():
    app, _ = comparing()

    async def script(pilot):
        await let_it_end(app, pilot)
        await pilot.press("enter")
        assert app.asked == ("log=off", "redis.kill")
        assert app.screen is app.desk
        assert not shown(app)

    drive(app, script)


def test_an_enter_that_was_on_its_way_when_the_card_appeared_means_what_it_meant():
    app, _ = comparing()
    app.READING_SECONDS = 3_600.0

    async def script(pilot):
        await let_it_end(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen), "a key is explained")
        assert app.asked is None

    drive(app, script)


def test_a_desk_that_cannot_compare_offers_nothing_and_enter_acts_as_usual():
    app = desk(
        RecordingControl(), ChangingSource(BEFORE), inspector=FixedInspector(reports.PENDING)
    )

    async def script(pilot):
        await let_it_end(app, pilot)
        assert "side by side" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen), "a key is explained")

    drive(app, script)


def test_a_click_closes_it_and_a_click_on_the_last_line_compares():
    app, _ = comparing()

    async def script(pilot):
        await let_it_end(app, pilot)
        region = app.desk.card_pane.region
        write(app, click(region.x + 3, region.y + 1))
        await until(pilot, lambda: not shown(app), "it is closed")
        assert app.asked is None
        await pilot.press("I")
        assert shown(app)
        write(app, click(region.x + 3, region.bottom - 1))
        await until(pilot, lambda: app.asked is not None, "two stacks are opened")

    drive(app, script)


def test_its_figures_go_on_while_redis_refills():
    app, _ = comparing()

    async def script(pilot):
        await let_it_end(app, pilot)
        assert "has 12 % as many" in app.desk.card_pane.render().plain
        redis = replace(scenes.HEALTHY.redis, keys=2_400)
        await let_it_end(app, pilot, at(1, KILL, redis=redis))
        assert "has 80 % as many after 2.8 s" in app.desk.card_pane.render().plain

    drive(app, script)


def test_the_key_shows_the_newest_and_closes_it_again():
    app, _ = comparing()

    async def script(pilot):
        await pilot.press("I")
        assert not shown(app)
        await let_it_end(app, pilot)
        await pilot.press("I")
        assert not shown(app)
        await pilot.press("I")
        assert shown(app)
        lock = locked(20, healed=1)
        await let_it_end(app, pilot, at(0.5, KILL, lock))
        assert "The database was locked" in screen_text(app)

    drive(app, script)


def test_with_cards_off_none_appears_but_the_key_shows_one():
    app, _ = comparing(cards=False)

    async def script(pilot):
        await let_it_end(app, pilot)
        assert not shown(app)
        await pilot.press("I")
        assert shown(app)
        app.toggle_cards()
        await pilot.press("x")
        await let_it_end(app, pilot, at(0.5, locked(20, healed=1)))
        assert shown(app)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Look: incident cards off" in titles
        app.toggle_cards()
        assert not shown(app)

    drive(app, script)


def test_a_frozen_display_shows_no_card():
    app, _ = comparing()

    async def script(pilot):
        app.desk.frozen = True
        await let_it_end(app, pilot)
        assert not shown(app)

    drive(app, script)


def test_a_tour_explains_its_faults_itself():
    driven = ChangingSource(replace(BEFORE, rate=scenes.HEALTHY.rate))
    plan = TourPlan(at_once=True)
    app = LiveApp(driven, RecordingControl(), refresh_hz=None, plan=plan)

    async def script(pilot):
        await until(pilot, lambda: app.guide is not None, "the tour has begun")
        await let_it_end(app, pilot)
        assert not shown(app)

    drive(app, script)


def test_going_back_in_a_recording_closes_the_card():
    app, _ = comparing()

    async def script(pilot):
        await let_it_end(app, pilot)
        assert shown(app)
        await let_it_end(app, pilot, at(40, KILL))
        assert not shown(app)
        await let_it_end(app, pilot, at(4.2, KILL))
        await let_it_end(app, pilot)
        assert shown(app)

    drive(app, script)


def test_a_card_waits_behind_a_dialog_and_keeps_its_keys():
    app, control = comparing()

    async def script(pilot):
        await pilot.press("f")
        await let_it_end(app, pilot)
        await pilot.press("down", "escape")
        await until(pilot, lambda: app.screen is app.desk, "the catalogue is closed")
        assert shown(app)
        assert control.commands == []

    drive(app, script, (120, 40))


def events_of(app):
    return app.desk.query_one(EventList)


def two_faults(age, *more):
    """Return a snapshot with a lock, healed 12 s ago, and a kill of 4 s ago."""
    return at(age, locked(20, healed=12), KILL, *more)


def test_the_key_of_cards_opens_that_of_the_selected_entry_and_again_closes_it():
    app, _ = comparing()

    async def script(pilot):
        for age in (20.2, 11, 4.2, 2):
            await let_it_end(app, pilot, two_faults(age))
        events_of(app).take_focus()
        await pilot.press("down")
        assert not shown(app)
        await pilot.press("I")
        assert app.desk.card_pane.card.title.startswith("The database was locked")
        app.READING_SECONDS = 3_600.0
        await pilot.press("I")
        assert not shown(app)
        await pilot.press("up", "I")
        assert app.desk.card_pane.card.title.startswith("Redis was killed")
        assert app.desk.expanded is None

    drive(app, script, (120, 40))


def test_the_selected_entry_stays_selected_while_others_come():
    app, _ = comparing()

    async def script(pilot):
        for age in (20.2, 11, 4.2, 3):
            await let_it_end(app, pilot, two_faults(age))
        events = events_of(app)
        events.take_focus()
        assert events.selection.fault == "redis.kill"
        await pilot.press("down")
        assert events.selection.fault == "database.lock"
        await let_it_end(app, pilot, two_faults(1, killed(1.5)))
        assert events.selection.fault == "database.lock"
        await pilot.press("up", "up", "up")
        # The newest stays selected, whichever it is.
        assert (events.selected, events.selection.started_at) == (None, scenes.NOW - 1.5)

    drive(app, script, (120, 40))


def test_an_entry_that_is_no_fault_has_no_card():
    app, _ = comparing()

    async def script(pilot):
        await let_it_end(app, pilot, at(30))
        note = replace(at(2), events=scenes.HEALTHY.events)
        await let_it_end(app, pilot, note)
        events_of(app).take_focus()
        await pilot.press("I")
        assert not shown(app)
        assert "it is not a fault" in screen_text(app)

    drive(app, script, (120, 40))


def test_a_click_selects_an_entry_and_a_second_one_opens_its_card():
    app, _ = comparing()

    async def script(pilot):
        for age in (20.2, 11, 4.2, 2):
            await let_it_end(app, pilot, two_faults(age))
        await pilot.press("x")
        region = events_of(app).content_region
        write(app, click(region.x + 5, region.y + 1))
        await until(
            pilot, lambda: events_of(app).selection.fault == "database.lock", "it is selected"
        )
        assert not shown(app)
        write(app, click(region.x + 5, region.y + 1))
        await until(pilot, lambda: shown(app), "its card is open")

    drive(app, script, (120, 40))


def test_the_next_desk_takes_the_figures_over_and_shows_no_old_card_by_itself():
    first, _ = comparing()

    async def see(pilot):
        await let_it_end(first, pilot)

    drive(first, see)
    second, _ = comparing()
    second.time_machine._source.value = at(1, KILL)
    second.history = first.history

    async def script(pilot):
        assert not shown(second)
        await pilot.press("I")
        facts = {fact.label: fact.text for fact in second.desk.card_pane.card.facts}
        assert "not known" not in facts["Callers"]
        assert HELD_BY in facts["Held by"]

    drive(second, script)


@pytest.mark.parametrize("hide", [("shift+tab", "z"), ("Z",)], ids=["expanded", "projector"])
def test_a_card_waits_while_the_lists_are_hidden_and_takes_no_key(hide):
    app, _ = comparing()

    async def script(pilot):
        await pilot.press(*hide)
        assert not app.desk.query_one("#lists").display
        await let_it_end(app, pilot)
        assert "any key closes" not in screen_text(app)
        await pilot.press("x")
        app.desk.uncover_lists()
        await pilot.pause()
        assert "any key closes" in screen_text(app)
        await pilot.press("x")
        await pilot.press(*hide)
        await let_it_end(app, pilot, at(0, killed(1)))
        await pilot.press("enter")
        assert app.asked is None
        await until(pilot, lambda: app.screen is app.desk, "the desk is on top")
        await pilot.press("escape", "escape", *hide)
        assert not app.desk.query_one("#lists").display
        await pilot.press("I")
        assert app.desk.query_one("#lists").display
        assert "any key closes" in screen_text(app)

    drive(app, script, (120, 40))


def test_a_card_that_was_not_seen_for_long_does_not_appear():
    app, _ = comparing()
    kill = killed(30)

    async def script(pilot):
        await let_it_end(app, pilot, at(30.2, kill))
        await pilot.press("Z")
        await let_it_end(app, pilot, at(29, kill))
        await let_it_end(app, pilot, at(1, kill))
        app.desk.projected = False
        await pilot.pause()
        assert not shown(app)

    drive(app, script, (120, 40))
