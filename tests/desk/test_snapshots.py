"""What the desk looks like, to the cell. Look at each picture before accepting a new one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.engine.safeguards import Safeguards
from cachedesk.engine.snapshot import Health

from . import reports, scenes
from .piloting import FixedInspector, RecordingControl, desk
from .scenes import FixedSource

SIZES = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((60, 20), (80, 24), (120, 40))]
BROKEN = replace(scenes.REDIS_DOWN, armed=("worker.apply.mid_batch",))

LOG_OFF = replace(
    scenes.UNBALANCED,
    safeguards=Safeguards(log=False),
    log=replace(scenes.HEALTHY.log, health=Health.DEGRADED, word="off"),
    books=replace(scenes.HEALTHY.books, accepted=scenes.HEALTHY.books.accepted + 4),
    unaccounted=(912, 913, 914, 915),
    hot=tuple(
        replace(key, unlogged=key.pending, pending=0) if key.pending else key
        for key in scenes.HEALTHY.hot
    ),
)
DESKS = {
    "healthy": (scenes.HEALTHY, []),
    "redis-down": (BROKEN, []),
    "all-down": (scenes.ALL_DOWN, []),
    "frozen": (scenes.REDIS_DOWN, ["left", "left"]),
    "empty": (scenes.EMPTY, []),
    "huge": (scenes.HUGE, []),
    "odd-keys": (scenes.ODD_KEYS, []),
    "log-off": (LOG_OFF, []),
    "unbalanced": (replace(scenes.UNBALANCED, unaccounted=(912, 913, 914)), []),
}
PANELS = {
    "flow": (BROKEN, ["shift+tab", "shift+tab", "shift+tab", "shift+tab", "z"]),
    "hit-rate": (BROKEN, ["shift+tab", "shift+tab", "shift+tab", "z"]),
    "keys-filtered": (scenes.HEALTHY, ["slash", *"views", "enter", "o", "z"]),
    "latency": (scenes.HEALTHY, ["5", "shift+tab", "z"]),
}
MODALS = {
    "help": (scenes.HEALTHY, ["question_mark"]),
    "menu": (scenes.HEALTHY, ["m"]),
    "faults": (scenes.HEALTHY, ["f", *["down"] * 6]),
    "faults-all-down": (scenes.ALL_DOWN, ["f", "down"]),
    "steering": (scenes.HEALTHY, ["s", "down"]),
    "steering-all-down": (scenes.ALL_DOWN, ["s"]),
    "evict": (scenes.HEALTHY, ["E"]),
    "evict-typing": (scenes.ALL_DOWN, ["E", *["down"] * 4, "enter"]),
}


def shown(scene, *, control=True):
    inspector = FixedInspector(reports.PENDING)
    return desk(RecordingControl() if control else None, FixedSource(scene), inspector=inspector)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DESKS)
def test_desk(snap_compare, name, size):
    scene, keys = DESKS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PANELS)
def test_expanded(snap_compare, name, size):
    scene, keys = PANELS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MODALS)
def test_modal(snap_compare, name, size):
    scene, keys = MODALS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("report", ["PENDING", "NOTHING_ANSWERS", "ODD"])
def test_inspector(snap_compare, report, size):
    inspector = FixedInspector(getattr(reports, report))
    app = desk(RecordingControl(), FixedSource(scenes.HEALTHY), inspector=inspector)
    assert snap_compare(app, terminal_size=size, press=["enter"])


def test_read_only(snap_compare):
    assert snap_compare(shown(scenes.HEALTHY, control=False))


def test_vast(snap_compare):
    assert snap_compare(shown(BROKEN), terminal_size=(250, 70))


def test_greeting(snap_compare):
    app = shown(scenes.HEALTHY)
    app.desk.greeting = True
    assert snap_compare(app)


def test_light(snap_compare):
    app = shown(scenes.ALL_DOWN)
    app.theme = "paper"
    assert snap_compare(app, terminal_size=(120, 40))
