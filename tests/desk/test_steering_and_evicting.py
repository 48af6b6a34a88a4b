"""What can be changed and evicted while everything runs: every key and choice sends its command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.commands import (
    EvictAll,
    EvictKey,
    EvictMatching,
    EvictShare,
    PauseWorker,
    SetBatch,
    SetMemory,
    SetRate,
    SetSafeguard,
)
from cachedesk.core.safeguards import NAMES, Safeguards
from cachedesk.desk.screens.evict import EvictScreen
from cachedesk.desk.screens.steering import SteeringScreen
from cachedesk.desk.views.controls import CONTROLS, expected

from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import HEALTHY, FixedSource

MIB = 1024 * 1024


LESS = [
    SetBatch(events=200),
    SetBatch(age_seconds=0.1),
    SetRate(1000.0),
    SetMemory(maxmemory_bytes=32 * MIB),
    SetMemory(eviction_policy="noeviction"),
]
MORE = [
    SetBatch(events=1000),
    SetBatch(age_seconds=0.5),
    SetRate(5000.0),
    SetMemory(maxmemory_bytes=128 * MIB),
    SetMemory(eviction_policy="allkeys-lfu"),
]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_control_turns_both_ways(size):
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        for key, commands in (("left", LESS), ("right", MORE)):
            control.commands = []
            await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, SteeringScreen), "it is open")
            await pilot.press(key)
            for count, turned in enumerate(CONTROLS, start=1):
                await pilot.press("down", key)
                sent = lambda c=count: len(control.commands) == 1 + c  # noqa: E731
                await until(pilot, sent, f"{turned.name} was turned {key}")
            assert "hit rate" in screen_text(app), "the effect is in sight"
            await pilot.press("escape")
            assert app.screen is app.desk
            await app.workers.wait_for_complete()
            assert control.commands == [PauseWorker(), *commands], key

    drive(app, script, size)


def arrow(app, row, sign):
    """Return where on the screen this arrow of the control in this row is: column and row."""
    y = app.screen.controls.region.y + row
    return screen_text(app).splitlines()[y].index(sign), y


async def opened(pilot):
    await pilot.press("s")
    await until(pilot, lambda: isinstance(pilot.app.screen, SteeringScreen), "it is open")
    return pilot.app.screen


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
@pytest.mark.parametrize(
    ("sign", "commands", "hertz"), [("◂", LESS, "1"), ("▸", MORE, "4")], ids=["less", "more"]
)
def test_a_click_on_an_arrow_turns_its_control_that_way(size, sign, commands, hertz):
    control = RecordingControl()
    app = desk(control)
    switched = [SetSafeguard(name, on=False) for name in NAMES]
    wanted = [PauseWorker(), *commands, *switched]

    async def script(pilot):
        screen = await opened(pilot)
        for row, command in enumerate(wanted):
            control.commands = []
            assert await pilot.click(offset=arrow(app, row, sign))
            await until(pilot, lambda: control.commands != [], f"sent: {command}")
            assert control.commands == [command]
            assert screen.controls.chosen == row
        await pilot.click(offset=arrow(app, len(wanted), sign))
        await until(pilot, lambda: f"{hertz} per second" in screen_text(app), "it looks as often")

    drive(app, script, size)


@pytest.mark.parametrize(("row", "opens"), [(1, "exact"), (5, "choices")])
@pytest.mark.parametrize("sign", "◂▸", ids=["less", "more"])
def test_a_click_on_an_arrow_counts_wherever_the_focus_is(row, opens, sign):
    control = RecordingControl()
    app = desk(control)
    commands = LESS if sign == "◂" else MORE

    async def script(pilot):
        screen = await opened(pilot)
        for clicked in (row, 3):
            control.commands = []
            screen.controls.action_move(row - screen.controls.chosen)
            screen.controls.focus()
            await pilot.press("enter")
            await until(pilot, lambda: app.focused is getattr(screen, opens), "it has the focus")
            await pilot.click(offset=arrow(app, clicked, sign))
            await until(pilot, lambda: control.commands != [], "sent")
            assert control.commands == [commands[clicked - 1]]
            await until(pilot, lambda: app.focused is screen.controls, "back in the list")
            assert not getattr(screen, opens).display, "nothing is left open"

    drive(app, script)


def test_a_click_needs_no_focus_and_an_arrow_key_in_a_choice_turns_nothing():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        screen = await opened(pilot)
        screen.controls.can_focus = False
        screen.set_focus(None)
        await pilot.click(offset=arrow(app, 1, "▸"))
        await until(pilot, lambda: control.commands == [SetBatch(events=1000)], "sent")
        screen.controls.can_focus = True
        screen.controls.focus()
        screen.controls.action_move(4)
        await pilot.press("enter", "left", "right")
        assert app.focused is screen.choices
        await app.workers.wait_for_complete()
        assert control.commands == [SetBatch(events=1000)]

    drive(app, script)


def test_quick_steps_follow_from_each_other():
    controls = {each.name: each for each in CONTROLS}
    for name, steps in (("batch-events", [1000, 2000, 5000]), ("rate", [5e3, 1e4, 2e4])):
        snapshot = HEALTHY
        for step in steps:
            command = controls[name].stepped(snapshot, 1)
            assert step in (getattr(command, "events", None), getattr(command, "per_second", None))
            snapshot = expected(snapshot, command)
    for command in (*LESS, *MORE):
        assert expected(HEALTHY, command) != HEALTHY
    assert expected(HEALTHY, PauseWorker()) == HEALTHY


def test_an_exact_value_is_typed_and_a_wrong_one_refused_in_words():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("s", "down", "enter", *"many", "enter")
        await pilot.pause()
        assert "a whole number" in screen_text(app)
        assert control.commands == []
        for _ in "many":
            await pilot.press("backspace")
        await pilot.press(*"2,500", "enter")
        await until(pilot, lambda: len(control.commands) == 1, "sent")
        assert isinstance(app.screen, SteeringScreen), "it stays open: the effect is to be seen"

    drive(app, script)
    assert control.commands == [SetBatch(events=2500)]


def test_the_screen_shows_what_is_so_now():
    source = ChangingSource(HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        await pilot.press("s")
        await pilot.pause()
        assert "500 events" in screen_text(app)
        source.value = replace(HEALTHY, worker=replace(HEALTHY.worker, batch_events=9))
        app._puller.soon()
        await until(pilot, lambda: "9 events" in screen_text(app), "the new value is shown")

    drive(app, script)


def test_the_refresh_rate_changes_how_often_the_desk_looks():
    source = ChangingSource(HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        await pilot.press("s", "end", "right")
        await pilot.pause()
        assert "4 per second" in screen_text(app)
        pulls = source.pulls
        await until(pilot, lambda: source.pulls > pulls + 2, "it looks by itself now")

    drive(app, script)


def test_without_a_workload_its_rate_cannot_be_turned():
    control = RecordingControl()
    app = desk(control, FixedSource(replace(HEALTHY, workload="", rate=None)))

    async def script(pilot):
        await pilot.press("s", "down", "down", "down", "right", "enter")
        await pilot.pause()
        assert "no workload" in screen_text(app)

    drive(app, script)
    assert control.commands == []


CHOICES = [
    ([], EvictKey(b"views:article:1")),
    (["down"], EvictShare(0.1)),
    (["down"] * 2, EvictShare(0.5)),
    (["down"] * 3, EvictAll()),
]


def test_every_choice_evicts():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        for keys, command in CHOICES:
            control.commands = []
            await pilot.press("E")
            await until(pilot, lambda: isinstance(app.screen, EvictScreen), "it is open")
            assert "2,650 keys" in screen_text(app)
            await pilot.press(*keys, "enter")
            await until(pilot, lambda: len(control.commands) == 1, f"sent: {command}")
            assert app.screen is app.desk
            await app.workers.wait_for_complete()
            assert control.commands == [command]

    drive(app, script, (60, 20))


@pytest.mark.parametrize(
    ("downs", "typed", "command"),
    [(4, "likes:*", EvictMatching("likes:*")), (5, "25", EvictShare(0.25))],
)
def test_a_pattern_or_a_share_is_typed(downs, typed, command):
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("E", *["down"] * downs, "enter", "enter")
        await pilot.pause()
        assert "type a" in screen_text(app)
        assert control.commands == []
        await pilot.press(*typed, "enter")
        await until(pilot, lambda: len(control.commands) == 1, "sent")

    drive(app, script)
    assert control.commands == [command]


def test_what_the_filter_lists_can_be_evicted():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("slash", *"article", "enter", "E", "down", "enter")
        await until(pilot, lambda: len(control.commands) == 1, "sent")

    drive(app, script)
    assert control.commands == [EvictMatching("*article*")]


def test_escape_evicts_nothing():
    control = RecordingControl()
    app = desk(control)

    async def script(pilot):
        await pilot.press("E", "down", "down", "down", "down", "enter", "escape", "escape")
        await until(pilot, lambda: app.screen is app.desk, "it is closed")

    drive(app, script)
    assert control.commands == []


@pytest.mark.parametrize("logged", [True, False])
def test_what_an_eviction_costs_is_said_as_it_is(logged):
    # HEALTHY with the log off: what only Redis holds, an eviction loses.
    snapshot = replace(HEALTHY, safeguards=Safeguards(log=logged))
    app = desk(RecordingControl(), FixedSource(snapshot))

    async def script(pilot):
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, EvictScreen), "open")
        said = screen_text(app)
        assert ("the log and SQLite keep them" in said) == logged
        assert ("dirty ones are lost" in said) != logged

    drive(app, script)
