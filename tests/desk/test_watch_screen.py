"""The screen of a watched server: what its keys do, and what it looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cachedesk.desk.modes.watching import WatchApp
from cachedesk.desk.screens.watch_help import WatchHelpScreen
from cachedesk.desk.views.watch_figures import sparkline
from cachedesk.desk.views.watch_rows import COLUMNS, GAP, WatchOrder, watch_rows, widths
from cachedesk.desk.watch_actions import WATCH_ACTIONS

from .piloting import drive, screen_text, until
from .watched import HEALTHY, ROWS, SCENES, FixedWatcher

SIZES = ((60, 20), (80, 24), (120, 40), (160, 50))
USUAL = (120, 40)
PICTURES = [
    pytest.param(name, size, id=f"{name}-{size[0]}x{size[1]}")
    for name in SCENES
    for size in SIZES
    if size == USUAL or name == "healthy"
]


async def shown(app: WatchApp, pilot: Pilot[None]) -> str:
    await until(pilot, lambda: app.watched.is_mounted, "the screen is there")
    app.refresh_watch()
    await pilot.pause()
    return screen_text(app)


def names(order: WatchOrder, filter_text: str = "") -> list[str]:
    return [row.cells[0] for row in watch_rows(ROWS, order, filter_text)]


def test_the_prefixes_are_sorted_by_each_column_and_filtered() -> None:
    assert names(WatchOrder.READS)[:2] == ["article:*", "user:*:profile"]
    assert names(WatchOrder.MISSES)[0] == "flag:*"
    assert names(WatchOrder.HIT_RATE)[:2] == ["flag:*", "user:*:profile"]
    assert names(WatchOrder.MEMORY)[0] == "article:*"
    assert names(WatchOrder.KEYS)[0] == "user:*:profile"
    assert names(WatchOrder.PREFIX)[0] == "article:*"
    assert names(WatchOrder.READS, "views") == ["views:article:*"]
    assert {order.value for order in WatchOrder} == {column.title for column in COLUMNS}


@pytest.mark.parametrize("width", range(50, 200, 7))
def test_the_columns_fit(width: int) -> None:
    found = widths(width)
    assert sum(found) + GAP * sum(room > 0 for room in found[1:]) <= max(width, 55)


def test_a_sparkline_shows_the_newest_and_leaves_gaps() -> None:
    assert sparkline([None, 0.0, 1.0, 0.5], 6, 1.0) == "   ▁█▅"
    assert sparkline([3.0, 1.0], 1, None) == "█"
    assert sparkline([], 3, None) == "   "
    assert sparkline([1.0], 0, None) == ""


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_says_what_matters_at_each_size(size: tuple[int, int]) -> None:
    app = WatchApp(FixedWatcher())

    async def script(pilot: Pilot[None]) -> None:
        text = await shown(app, pilot)
        for part in ("of 1,640 reads/s hit", "article:*", "98.8 ± 0.9 %", "watching takes 0.93 %"):
            assert part in text, part
        assert "q quit" in text
        assert "\x1b" not in text
        assert "stays" not in text, "the banner is for a server that does not answer"
        assert "1,317 hits/s become misses" in text
        assert "…" not in text, "no sentence is cut"

    drive(app, script, size)


def test_keys_sort_filter_pause_and_explain() -> None:
    watcher = FixedWatcher()
    app = WatchApp(watcher)

    async def script(pilot: Pilot[None]) -> None:
        await shown(app, pilot)
        await pilot.press("s")
        assert app.watched.table.order is WatchOrder.MISSES
        await pilot.press("slash", *"views")
        await until(pilot, lambda: app.watched.table.listed[0] == 1, "one prefix is listed")
        await pilot.press("escape", "p")
        await until(pilot, lambda: watcher.shown.paused, "it is paused")
        assert app.watched.table.listed[0] == len(ROWS)
        text = await shown(app, pilot)
        assert "paused" in text
        assert "p resume" in text
        await pilot.press("p")
        await until(pilot, lambda: not watcher.shown.paused, "it goes on")
        assert "p pause" in await shown(app, pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, WatchHelpScreen), "help is there")
        await pilot.press("escape", "q")

    drive(app, script)
    assert app.return_code == 0


def test_r_records_to_a_new_file_in_the_data_folder_and_ends_it(tmp_path: Path) -> None:
    watcher = FixedWatcher()
    app = WatchApp(watcher, folder=tmp_path)

    async def script(pilot: Pilot[None]) -> None:
        await shown(app, pilot)
        await pilot.press("R")
        await until(pilot, lambda: watcher.recorded != [], "it records")
        text = await shown(app, pilot)
        assert "recording" in text
        assert "R stop" in text
        await pilot.press("R")
        await until(pilot, lambda: watcher.shown.recording is None, "it does not record")
        assert "R record" in await shown(app, pilot)

    drive(app, script)
    assert watcher.recorded == [tmp_path / "recordings" / "watch-001.txt"]
    assert app.saved == watcher.recorded


@pytest.mark.parametrize(("scene", "folder"), [("no-monitor", True), ("healthy", False)], ids=str)
def test_r_says_why_it_does_not_record(tmp_path: Path, scene: str, folder: bool) -> None:
    watcher = FixedWatcher(SCENES[scene])
    app = WatchApp(watcher, folder=tmp_path if folder else None)

    async def script(pilot: Pilot[None]) -> None:
        await shown(app, pilot)
        await pilot.press("R")
        await until(pilot, lambda: len(app._notifications) == 1, "it says so")

    drive(app, script)
    assert watcher.recorded == []


def test_a_server_that_does_not_answer_is_told_and_what_was_seen_stays() -> None:
    watcher = FixedWatcher()
    app = WatchApp(watcher)

    async def script(pilot: Pilot[None]) -> None:
        await shown(app, pilot)
        watcher.shown = SCENES["lost"]
        text = await shown(app, pilot)
        assert "no answer for 12 s" in text
        assert "article:*" in text
        watcher.shown = replace(HEALTHY, said="cannot write /x: disk full")
        await shown(app, pilot)
        assert len(app._notifications) == 1

    drive(app, script)


def test_every_action_is_in_the_menu_and_in_the_help() -> None:
    app = WatchApp(FixedWatcher())

    async def script(pilot: Pilot[None]) -> None:
        await shown(app, pilot)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        for action in WATCH_ACTIONS:
            assert action.name in ("quit", "menu") or action.title in titles
            assert hasattr(app, f"action_{action.app_action}")

    drive(app, script)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), PICTURES)
def test_picture(snap_compare, name, size):
    assert snap_compare(WatchApp(FixedWatcher(SCENES[name])), terminal_size=size, press=["home"])


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["paper", "ansi-dark"])
def test_picture_of_a_theme(snap_compare, theme):
    app = WatchApp(FixedWatcher(), theme=theme)
    assert snap_compare(app, terminal_size=(80, 24), press=["home"])


@pytest.mark.slow
def test_picture_of_the_help(snap_compare):
    app = WatchApp(FixedWatcher())
    assert snap_compare(app, terminal_size=USUAL, press=["question_mark"])
