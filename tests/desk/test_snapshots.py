"""What the desk looks like, to the cell. Look at each picture before accepting a new one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from . import reports, scenes
from .piloting import ChangingSource, FixedInspector, RecordingControl, desk
from .scenes import FixedSource

pytestmark = pytest.mark.slow

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
USUAL = (80, 24)
AT_EVERY_SIZE = {
    *("healthy", "redis-down", "all-down", "lost", "draining", "frozen", "empty"),
    *("just-killed", "database-locked", "projector"),
    *("help", "faults", "steering", "stories", "evict", "PENDING"),
}
"""What is drawn at every size; the rest adds nothing there that these do not show."""
BROKEN = replace(scenes.REDIS_DOWN, armed=("worker.apply.mid_batch",))

DESKS = {
    "healthy": (scenes.HEALTHY, []),
    "redis-down": (BROKEN, []),
    "just-killed": (scenes.JUST_KILLED, []),
    "draining": (scenes.DRAINING, []),
    "all-down": (scenes.ALL_DOWN, []),
    "empty": (scenes.EMPTY, []),
    "huge": (scenes.HUGE, []),
    "odd-keys": (scenes.ODD_KEYS, []),
    "lost": (scenes.LOST, []),
    "database-locked": (scenes.LOCKED, []),
    "projector": (scenes.HEALTHY, ["Z"]),
    "projector-redis-down": (BROKEN, ["Z"]),
    "projector-locked": (scenes.LOCKED, ["Z"]),
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
    "stories": (scenes.HEALTHY, ["t", "down"]),
    "evict-typing": (scenes.ALL_DOWN, ["E", *["down"] * 4, "enter"]),
}

REPORTS = ("PENDING", "NOTHING_ANSWERS", "ODD")


def pictures(names):
    """Return the cases ``(name, size)`` of these scenes."""
    return [
        pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
        for name in names
        for size in SIZES
        if size == USUAL or name in AT_EVERY_SIZE
    ]


def shown(scene, *, control=True):
    inspector = FixedInspector(reports.PENDING)
    return desk(RecordingControl() if control else None, FixedSource(scene), inspector=inspector)


def test_every_picture_is_compared():
    groups = {
        "desk": DESKS,
        "past": ["frozen"],
        "expanded": PANELS,
        "modal": MODALS,
        "inspector": REPORTS,
    }
    compared = {f"test_{name}" for name in ("read_only", "vast", "greeting", "light", "console")}
    for group, names in groups.items():
        compared |= {f"test_{group}[{case.id}]" for case in pictures(names)}
    kept = Path(__file__).parent / "__snapshots__" / "test_snapshots"
    assert {path.stem for path in kept.iterdir()} == compared


@pytest.mark.parametrize(("name", "size"), pictures(DESKS))
def test_desk(snap_compare, name, size):
    scene, keys = DESKS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize(("name", "size"), pictures(["frozen"]))
def test_past(snap_compare, name, size):
    source = ChangingSource(scenes.as_of(scenes.HEALTHY, 24))
    app = desk(RecordingControl(), source)

    async def pull(pilot):
        for age in range(22, -1, -2):
            scene = scenes.HEALTHY if age > 18 else BROKEN
            source.value = scenes.as_of(scene, age)
            await app._puller.once()
        # To the moment when Redis had been down for three seconds.
        await pilot.press("left", "left", "left")

    assert snap_compare(app, run_before=pull, terminal_size=size)


@pytest.mark.parametrize(("name", "size"), pictures(PANELS))
def test_expanded(snap_compare, name, size):
    scene, keys = PANELS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize(("name", "size"), pictures(MODALS))
def test_modal(snap_compare, name, size):
    scene, keys = MODALS[name]
    assert snap_compare(shown(scene), terminal_size=size, press=keys)


@pytest.mark.parametrize(("report", "size"), pictures(REPORTS))
def test_inspector(snap_compare, report, size):
    explained = getattr(reports, report)
    inspector = FixedInspector(explained)
    hot = (reports.hot_key(explained), *scenes.HOT[1:])
    source = FixedSource(replace(scenes.HEALTHY, hot=hot))
    app = desk(RecordingControl(), source, inspector=inspector)
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


def test_console(snap_compare):
    app = shown(scenes.ALL_DOWN)
    app.theme = "console"
    assert snap_compare(app)
