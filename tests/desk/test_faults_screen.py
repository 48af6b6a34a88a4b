"""The fault catalogue: every fault, what it will do, and the one command that comes of a choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.snapshot import FaultState
from cachedesk.desk.screens.faults import FaultsScreen
from cachedesk.desk.views.fault_lines import broken_now, countdown, state_of

from .piloting import ChangingSource, RecordingControl, desk, drive, screen_text, until
from .scenes import CATALOGUE, HEALTHY, NOW, FixedSource

NAMES = [fault.name for fault in CATALOGUE]
AVAILABLE = [fault.name for fault in CATALOGUE if fault.available]
BROKEN = replace(
    HEALTHY,
    catalogue=tuple(
        replace(fault, since_at=NOW - 3, until_at=NOW + 12, obstacle="it is active already")
        if fault.name == "database.lock"
        else replace(fault, obstacle="no redis-server is running")
        if fault.name == "redis.kill"
        else fault
        for fault in CATALOGUE
    ),
    armed=("worker.ack.before",),
)


def choose(scene, *keys, size=(80, 24)):
    """Open the catalogue over ``scene``, press ``keys``, and return what was commanded."""
    (commands,) = choose_each(scene, [keys], size)
    return commands


def choose_each(scene, choices, size=(80, 24)):
    """For each of ``choices`` open the catalogue and press its keys; return what each commanded."""
    control = RecordingControl()
    app = desk(control, FixedSource(scene))
    commanded = []

    async def script(pilot):
        for keys in choices:
            await pilot.press("f")
            await until(pilot, lambda: isinstance(app.screen, FaultsScreen), "it is open")
            await pilot.press(*keys)
            await until(pilot, lambda: app.screen is app.desk, "it is closed")
            await app.workers.wait_for_complete()
            commanded.append(control.commands)
            control.commands = []

    drive(app, script, size)
    return commanded


def down_to(name):
    """Return the keys that reach a fault from the first: down, or up from the last."""
    downs, ups = NAMES.index(name), len(NAMES) - 1 - NAMES.index(name)
    return ["down"] * downs if downs <= ups + 1 else ["end", *["up"] * ups]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_enter_injects_each_fault(size):
    enters = {name: ["enter"] * (2 if name == "worker.crash" else 1) for name in AVAILABLE}
    choices = [[*down_to(name), *enters[name]] for name in AVAILABLE]
    assert choose_each(HEALTHY, choices, size) == [[Inject(name)] for name in AVAILABLE]


def test_what_is_chosen_or_typed_for_a_fault_goes_with_it():
    points = next(fault for fault in CATALOGUE if fault.name == "worker.crash").choices
    told = {
        Inject(f"worker.crash:{points[1]}"): ["enter", "down", "down", "enter"],
        Inject("redis.down", 12.5): ["tab", *"12", "full_stop", "5", "enter"],
        Inject("database.slow:50ms"): ["tab", *"50ms", "enter"],
    }
    choices = [[*down_to(fault.fault.partition(":")[0]), *keys] for fault, keys in told.items()]
    assert choose_each(HEALTHY, choices) == [[fault] for fault in told]


def test_enter_heals_what_is_active():
    assert choose(BROKEN, *down_to("database.lock"), "enter") == [Heal("database.lock")]


def test_what_cannot_be_broken_says_why_and_stays_and_escape_breaks_nothing():
    control = RecordingControl()
    app = desk(control, FixedSource(BROKEN))

    async def script(pilot):
        await pilot.press("f", "enter")
        assert isinstance(app.screen, FaultsScreen), "it stays"
        assert "Not now: no redis-server is running" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is app.desk
        await pilot.press("f", *down_to("redis.down"), "tab", "escape", "escape")
        assert app.screen is app.desk
        await app.workers.wait_for_complete()

    drive(app, script)
    assert control.commands == []


def test_a_read_only_desk_has_no_catalogue():
    app = desk(None)

    async def script(pilot):
        await pilot.press("f")
        await pilot.pause()
        assert app.screen is app.desk

    drive(app, script)


def test_it_shows_each_fault_and_lives_on():
    source = ChangingSource(HEALTHY)
    app = desk(RecordingControl(), source)

    async def script(pilot):
        await pilot.press("f", *down_to("redis.squeeze"))
        await until(pilot, lambda: all(name in screen_text(app) for name in NAMES), "all are there")
        source.value = BROKEN
        app._puller.soon()
        await until(pilot, lambda: "12.0 s left" in screen_text(app), "it counts down")
        assert app.screen.faults.highlighted == NAMES.index("redis.squeeze")

    drive(app, script, (120, 40))


def test_an_empty_catalogue_can_be_looked_at():
    assert choose(replace(HEALTHY, catalogue=()), "enter", "escape") == []


def test_the_strip_says_what_is_broken_and_for_how_long():
    app = desk(RecordingControl(), FixedSource(BROKEN))

    async def script(pilot):
        text = screen_text(app)
        assert "▼ database.lock 12.0 s left" in text
        assert "◇ armed: worker.ack.before" in text

    drive(app, script)
    assert broken_now(HEALTHY) == ()


def test_words_of_a_fault():
    fault = FaultState("redis.down", "hold Redis down", lasting=True)
    assert state_of(fault, NOW) == "until healed"
    assert state_of(replace(fault, lasting=False), NOW) == "once"
    assert state_of(replace(fault, obstacle="no"), NOW) == "✗ not now: no"
    assert countdown(replace(fault, since_at=NOW), NOW) == "until healed"
    assert countdown(replace(fault, since_at=NOW, until_at=NOW - 1), NOW) == "0 s left"


@pytest.mark.parametrize("controlled", [True, False])
def test_only_a_desk_that_can_heal_says_how(controlled):
    app = desk(RecordingControl() if controlled else None, FixedSource(BROKEN))

    async def script(pilot):
        text = screen_text(app)
        assert "▼ database.lock" in text
        assert ("h heals all" in text) is controlled

    drive(app, script, (120, 40))
