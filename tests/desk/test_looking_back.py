"""Looking back: every part of the desk shows the same moment, and says which."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cachedesk.core.commands import Bookmark
from cachedesk.core.engine_event import EventCode
from cachedesk.core.snapshot import (
    Books,
    Event,
    EventKind,
    Health,
    HotKey,
    Mark,
    Snapshot,
    Writes,
)
from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.app import DeskApp
from cachedesk.desk.views.chart_view import CURSOR
from cachedesk.desk.views.history import recent
from cachedesk.desk.views.incidents import incidents
from cachedesk.desk.widgets.chart import Chart
from cachedesk.desk.widgets.event_list import EventList
from cachedesk.desk.widgets.replay_strip import BOOKMARKED

from .made_history import NOW, Half, moved, played, with_history
from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import ADMITTED, CATALOGUE, HEALTHY, active, told

pytestmark = pytest.mark.slow

RECORDS = 120
"""A minute, of which Redis was down from the 20th to the 40th second."""
DOWN = range(40, 80)


def _half(number: int) -> Half:
    """Return what happened in this half second: one fast write, which waits for the worker."""
    usual = Half(hits=9, overlay=0, database=1, through=0, behind=1, flushed=0)
    return replace(usual, hits=0, database=10) if number in DOWN else usual


def scene(number: int) -> Snapshot:
    """Return the desk of this half second: each part of it says its number."""
    age = (RECORDS - 1 - number) / 2
    at = NOW - age
    down = number in DOWN
    began_at, ended_at = (NOW - (RECORDS - 1 - it) / 2 for it in (DOWN[0], DOWN[-1] + 1))
    marks = (Mark("redis.down", began_at, ended_at if number > DOWN[-1] else None),)
    events = [
        told(NOW - began_at, EventCode.FAULT_INJECTED, fault="redis.down", argument="",
             seconds=None, result="Redis was killed"),
        told(NOW - ended_at, EventCode.FAULT_HEALED, faults=("redis.down",)),
        told(NOW - ended_at, EventCode.REDIS_BACK, seconds=ended_at - began_at, lost=2_650,
             **ADMITTED),
    ]  # fmt: skip
    alive = HEALTHY.redis
    if number >= DOWN[0]:
        alive = replace(alive, memory_bytes=938_408, keys=1, restarts=1)
    held_down = replace(alive, health=Health.DOWN, word="held down", memory_bytes=0, keys=0)
    value = b"%d" % number
    shown = replace(
        HEALTHY,
        uptime_seconds=HEALTHY.uptime_seconds - age,
        redis=held_down if down else alive,
        worker=replace(HEALTHY.worker, word="paused", paused=True),
        log=replace(HEALTHY.log, in_flight=0),
        faults=("redis.down",) if down else (),
        catalogue=active(redis_down=NOW - began_at) if down else CATALOGUE,
        marks=marks if number >= DOWN[0] else (),
        hot=(
            HotKey(b"views:1", "write-behind", 9, None if down else value, not down, row=value,
                   truth=value),
        ),
        events=tuple(event for event in events if event.at <= at),
        rate=22.0,
    )  # fmt: skip
    begun = replace(
        HEALTHY,
        books=Books(89_900 + number, 89_000, 900 + number),
        writes=Writes(through=14_000, behind=75_900 + number),
    )
    ticks = played(50.0, lambda before, _: _half(number - round(2 * before)), depth=900 + number)
    found = with_history(shown, ticks, begun=begun)
    return replace(moved(replace(found, at=NOW, events=(), marks=(), catalogue=()), at - NOW),
                   events=shown.events, marks=shown.marks, catalogue=shown.catalogue)  # fmt: skip


SCENES = [scene(number) for number in range(RECORDS)]


def recorded(control: RecordingControl | None = None) -> DeskApp:
    """Return a desk that has run for a minute."""
    app = desk(control, ChangingSource(SCENES[-1]))
    # The last one is pulled.
    for each in SCENES[:-1]:
        app.time_machine.ring.add(each)
    return app


async def shows(pilot, app: DeskApp, number: int) -> None:
    """Wait until every part shows this moment."""
    await until(
        pilot,
        lambda: app.desk.shown is not None and app.desk.shown.books == SCENES[number].books,
        f"moment {number}, not {app.desk.shown.books}",
    )
    await pilot.pause()
    assert app.desk.shown == SCENES[number]
    text = screen_text(app)
    assert f"accepted {90_000 + number:,}" in text
    assert app.desk.query_one("#queue-depth", Chart).view.figure == f"{1000 + number:,}"
    row = next(line for line in text.splitlines() if "views:1" in line)
    assert row.count(str(number)) >= (1 if number in DOWN else 2)
    assert ("Redis is down" in text) is (number in DOWN)
    held_down = re.search(r"✗ (Redis +)?held down", text)
    assert bool(held_down) is (number in DOWN)
    assert bool(app.desk.fault_strip.broken) is (number in DOWN)
    assert "h heals all" not in text or not app.desk.frozen
    told_of = re.search("Redis was (killed|held down)", text)
    assert bool(told_of) is (number >= DOWN[0])


LAST = RECORDS - 1
KEYS = [
    (("left",), LAST - 10),
    (("left", "left"), LAST - 20),
    (("left", "left", "right"), LAST - 10),
    (("shift+left",), LAST - 60),
    (("shift+left", "shift+right", "left"), LAST - 10),
    (("comma",), LAST - 1),
    (("comma", "comma", "full_stop"), LAST - 1),
    (("left", "home"), 0),
    (("left", "home", "right"), 10),
    (("space",), LAST),
    (("space", "shift+left", "left", "left"), LAST - 80),
]


@pytest.mark.parametrize(("keys", "number"), KEYS, ids=str)
def test_a_key_moves_everything_to_its_moment(keys, number):
    app = recorded()

    async def script(pilot):
        await shows(pilot, app, LAST)
        await pilot.press(*keys)
        await shows(pilot, app, number)
        back = (LAST - number) / 2
        clock = f"15:29:{int(60 - back):02}" if back else "15:30:00"
        badge = f" {clock} · {back:.1f} s back — End: live "
        assert badge in screen_text(app).splitlines()[0]
        await pilot.press("end")
        await shows(pilot, app, LAST)
        assert "back — End" not in screen_text(app)
        assert "PAST" not in screen_text(app)

    drive(app, script, (120, 40))


@pytest.mark.parametrize("way", ["end", "space", "right", "shift+right"])
def test_there_are_ways_back_to_now(way):
    app = recorded()

    async def script(pilot):
        await pilot.press("left")
        await shows(pilot, app, LAST - 10)
        await pilot.press(way)
        await shows(pilot, app, LAST)
        assert not app.desk.frozen

    drive(app, script, (120, 40))


def test_the_stack_goes_on_meanwhile_and_the_badge_counts():
    app = recorded()

    async def script(pilot):
        await pilot.press("left")
        await shows(pilot, app, LAST - 10)
        app.time_machine._source.value = replace(SCENES[-1], at=NOW + 7, books=Books(99, 99))
        app._puller.soon()
        await until(pilot, lambda: "12.0 s back" in screen_text(app), "it counts")
        assert app.desk.shown == SCENES[LAST - 10]
        await pilot.press("end")
        await until(pilot, lambda: "accepted 99" in screen_text(app), "now is what came meanwhile")

    drive(app, script, (120, 40))


def test_the_charts_have_a_cursor_and_show_what_came_after():
    app = recorded()

    async def script(pilot):
        assert CURSOR not in screen_text(app)
        await pilot.press("shift+left", "left", "left", "left")
        await shows(pilot, app, LAST - 90)
        view = app.desk.query_one("#queue-depth", Chart).view
        assert view.cursor_at == SCENES[LAST - 90].at
        assert view.at == SCENES[LAST - 30].at, "half a window after the cursor"
        assert view.ticks[-1].at == view.at
        assert [mark.name for mark in view.marks] == ["redis.down"], "the fault is still to come"
        lines = screen_text(app).splitlines()
        axis = next(line for line in lines if CURSOR in line)
        assert axis.count(CURSOR) == 3
        assert axis.index(CURSOR) < axis.index("▼")
        times = next(line for line in lines if line.count("15:29:15") == 3)
        # In the middle, between the times of both ends.
        assert "15:28:" in times
        assert "15:29:45" in times
        await pilot.press("end")
        await pilot.pause()
        assert CURSOR not in screen_text(app)
        assert "now" in screen_text(app)

    drive(app, script, (160, 40))


def test_the_strip_has_the_faults_and_takes_the_mouse():
    app = recorded()

    async def script(pilot):
        await pilot.press("left")
        await shows(pilot, app, LAST - 10)
        line = next(line for line in screen_text(app).splitlines() if "PAST" in line)
        assert "00:54 / 00:59" in line
        assert line.count("▼") == 1
        first = min(line.index(sign) for sign in "━●")
        await pilot.click("#past", offset=(first, 0))
        await shows(pilot, app, 0)
        await pilot.click("#past", offset=(10, 0))
        # On a very slow machine it may have played to its end by now.
        where = app.time_machine.where()
        assert where.playing or where.seconds > 0

    drive(app, script, (120, 40))


def test_it_plays_and_space_stops_it():
    app = recorded()

    async def script(pilot):
        await pilot.press("P")
        assert not app.looks_back, "now plays by itself"
        await pilot.press("shift+left", "P")
        assert app.time_machine.where().playing
        await until(
            pilot,
            lambda: app.desk.shown.books.accepted > SCENES[LAST - 60].books.accepted,
            "it plays on",
        )
        await pilot.press("space")
        assert not app.time_machine.where().playing
        assert app.looks_back
        await pilot.press("space")
        await shows(pilot, app, LAST)

    drive(app, script, (120, 40))


def test_what_acts_on_the_running_stack_is_refused_in_the_past_with_a_sentence():
    control = RecordingControl()
    app = recorded(control)
    refused = [it for it in ACTIONS if it.name == "inspect" or it.commands]
    refused = [it for it in refused if it.name != "record"]

    async def script(pilot):
        await pilot.press("left")
        await shows(pilot, app, LAST - 10)
        for action in refused:
            app.clear_notifications()
            await pilot.press(action.key)
            await pilot.pause()
            assert app.screen is app.desk, action.name
            (note,) = app._notifications
            assert note.message == (
                f"The desk shows 15:29:55, but {action.shown_key} acts on the running stack:"
                " press End first."
            )
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert not any("safeguard" in title for title in titles)
        await pilot.click("#action-kill-redis")
        assert control.commands == []
        await pilot.press("end", "k")
        await until(pilot, lambda: len(control.commands) == 1, "now it acts")

    drive(app, script, (120, 40))


def test_the_ends_of_a_list_are_keys_of_the_list_while_the_desk_is_live():
    app = desk()

    async def script(pilot):
        await pilot.press("end")
        assert not app.looks_back
        assert app.desk.key_table.selected == app.desk.key_table._rows[-1].key
        await pilot.press("home")
        assert app.desk.key_table.selected == app.desk.key_table._rows[0].key
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Look: live" not in titles
        assert "Look: back 5 s" in titles
        await pilot.press("comma")
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Look: live" in titles

    drive(app, script)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (160, 50), (250, 70)], ids=str)
def test_it_fits_every_size(size):
    app = recorded()

    async def script(pilot):
        await pilot.press("shift+left")
        await shows_the_books(pilot, app, LAST - 60)
        text = screen_text(app)
        assert "30.0 s back" in text
        assert "PAST" in text

    drive(app, script, size)


async def shows_the_books(pilot, app: DeskApp, number: int) -> None:
    # Where all do not fit, the books are rounded, but not what is pending.
    wanted = (f"accepted {90_000 + number:,}", f" + {1_000 + number:,} + 0")
    await until(pilot, lambda: any(it in screen_text(app) for it in wanted), wanted[0])


def test_a_filter_that_is_typed_is_not_meant_for_the_past():
    app = recorded()

    async def script(pilot):
        await pilot.press("slash", "comma", "P", "left", "home", "end")
        assert not app.looks_back
        assert app.desk.key_filter.value == ",P"

    drive(app, script)


@pytest.mark.parametrize("first", [(), ("left",)], ids=["live", "looking back"])
def test_enter_on_an_event_goes_to_the_moment_before_it(first):
    app = recorded()

    async def script(pilot):
        await pilot.press(*first)
        app.desk.query_one(EventList).take_focus()
        await pilot.press("enter")
        # The fault began with the 40th half second.
        await shows(pilot, app, DOWN[0] - 2)
        await pilot.press("full_stop", "full_stop")
        await shows(pilot, app, DOWN[0])

    drive(app, script, (120, 40))


def test_an_event_before_the_past_that_is_kept_leads_to_the_oldest_moment():
    app = recorded()

    async def script(pilot):
        app.go_to(NOW - 3600)
        await shows(pilot, app, 0)
        assert "further back than what is kept" in screen_text(app)

    drive(app, script, (120, 40))


def test_a_bookmark_is_on_the_axis_on_the_strip_and_in_the_menu():
    control = RecordingControl()
    app = recorded(control)

    async def script(pilot):
        await pilot.press("left", "left", "left", "left")
        await shows(pilot, app, LAST - 40)
        await pilot.press("B")
        await until(pilot, lambda: len(control.commands) == 1, "a recording learns of it")
        assert control.commands == [Bookmark(1, SCENES[LAST - 40].at)]
        await pilot.press("right")
        await shows(pilot, app, LAST - 30)
        lines = screen_text(app).splitlines()
        assert next(line for line in lines if "PAST" in line).count(BOOKMARKED) == 1
        axis = next(line for line in lines if line.count(CURSOR) == 3)
        assert axis.count("◆") == 3
        await pilot.press("end")
        await shows(pilot, app, LAST)
        await pilot.press("B")
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert [title for title in titles if "bookmark " in title] == [
            "Go to: bookmark 1, 15:29:40",
            "Go to: bookmark 2, 15:30:00",
        ]
        commands = app.get_system_commands(app.screen)
        next(it for it in commands if "bookmark 1" in it.title).callback()
        await shows(pilot, app, LAST - 40)

    drive(app, script, (160, 40))


def test_a_bookmark_is_no_fault():
    marked = replace(SCENES[60], marks=(*SCENES[60].marks, Mark("bookmark 1", NOW - 40, NOW - 40)))
    injected = Event(NOW - 39.9, EventKind.FAULT, "x", code=EventCode.FAULT_INJECTED.value)
    (incident,) = incidents((injected,), (Mark("bookmark 1", NOW - 40, NOW - 40),))
    assert incident.fault == ""
    assert recent(replace(marked, at=NOW - 39)) == recent(replace(SCENES[60], at=NOW - 39))
