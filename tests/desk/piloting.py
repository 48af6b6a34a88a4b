"""What the pilot tests share: a desk to drive, a control that remembers, and waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual._xterm_parser import XTermParser
from textual.pilot import Pilot

from cachedesk.core.commands import Command
from cachedesk.core.key_report import KeyReport
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.app import DeskApp

from .scenes import HEALTHY, FixedSource


class RecordingControl:
    """Remembers what was asked, and on which thread."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.threads: list[threading.Thread] = []

    def perform(self, command: Command) -> str:
        self.commands.append(command)
        self.threads.append(threading.current_thread())
        return f"Done: {type(command).__name__}."


class ChangingSource:
    """Gives whatever ``value`` is, and counts how often it was asked."""

    def __init__(self, value: Snapshot) -> None:
        self.value = value
        self.pulls = 0

    def snapshot(self) -> Snapshot:
        self.pulls += 1
        return self.value


class FixedInspector:
    """Explains every key in the same way."""

    def __init__(self, report: KeyReport) -> None:
        self.report = report

    def inspect(self, key: bytes) -> KeyReport:
        return self.report


def desk(
    control: Any = None,
    source: Any = None,
    *,
    hz: float | None = None,
    inspector: Any = None,
    greeting: bool = False,
    folder: Path | None = None,
) -> DeskApp:
    """Return an app over a healthy stack, unless told otherwise."""
    return DeskApp(
        source or FixedSource(HEALTHY),
        control,
        inspector=inspector,
        refresh_hz=hz,
        data_label="~/data",
        greeting=greeting,
        folder=folder,
    )


def drive(
    app: DeskApp,
    script: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    """Run ``app`` without a terminal and ``script`` on it."""

    async def play() -> None:
        eager = getattr(asyncio, "eager_task_factory", None)
        if eager is not None:
            # As ``App.run`` has it, and ``run_test`` has not.
            asyncio.get_running_loop().set_task_factory(eager)
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await script(pilot)

    asyncio.run(play())


def write(app: DeskApp, text: str) -> None:
    """Send ``text`` to the app in one piece, as a terminal does: keys, or a mouse's reports."""
    assert app._driver is not None
    parser = XTermParser()
    for event in (*parser.feed(text), *parser.feed("")):
        app._driver.process_message(event)


def click(column: int, row: int) -> str:
    """Return what a terminal sends for a click on this cell, counted from 0."""
    at = f"0;{column + 1};{row + 1}"
    return f"\x1b[<{at}M\x1b[<{at}m"


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str) -> None:
    """Let the app run until ``condition`` holds; fail when it never does."""
    deadline = time.monotonic() + 60
    while True:
        began = time.monotonic()
        if condition():
            break
        ended = time.monotonic()
        assert ended < deadline, f"waited in vain until {what}"
        # To ask may cost as much as to draw the screen: most of the time is for what is awaited.
        await asyncio.sleep(max(0.02, 6 * (ended - began)))
    await pilot.pause()


def screen_text(app: DeskApp) -> str:
    """Return everything that is drawn, as plain text."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    assert len(strips) == height, (width, height)
    return "\n".join(strip.text for strip in strips)
