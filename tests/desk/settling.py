"""When an app has settled: what a pilot waits for after a key, a click or a pause.

Textual's own pilot takes a process that used no CPU for 20 ms for one that has nothing left to do.
Beside other programs a process also uses none while it waits for its turn, and the test goes on too
early; and one with busy threads never seems idle, so that each key costs a second.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop

import textual.app
import textual.pilot
from textual._context import active_app

_SOON_SECONDS = 0.02
# A screen draws every 17 ms. A tick that comes late is left out, so the next can be further away.
_DRAWING_SECONDS = 0.1
_QUIET_TURNS, _MOST_TURNS = 3, 300


async def settled(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return once the event loop has nothing to run, now and in the next moment, no worker of the
    app is under way, and each key was dealt with. What never ends is waited for by turns and not
    by time, of which a busy machine gives little."""
    loop = asyncio.get_running_loop()
    quiet = turns = 0
    while quiet < _QUIET_TURNS:
        turns += 1
        patient = turns < _MOST_TURNS
        if patient and _workers_run():
            quiet = 0
            await asyncio.sleep(0.002)
        elif patient and (wait := _next_timer(loop)) < _soon():
            quiet = 0
            await asyncio.sleep(wait)
        else:
            await asyncio.sleep(0)
            quiet = 0 if loop._ready else quiet + 1  # type: ignore[attr-defined]


def _next_timer(loop: AbstractEventLoop) -> float:
    """Return in how many seconds the next timer is due."""
    due = [timer.when() for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    return max(0.0, min(due) - loop.time()) if due else float("inf")


def _soon() -> float:
    """Return how far ahead a timer is waited for: longer when it is the one that draws."""
    app = active_app.get(None)
    if app is None or not app._screen_stack:
        return _SOON_SECONDS
    screen = app.screen
    waits = (
        screen._callbacks
        or screen._dirty_widgets
        or screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
    )
    return _DRAWING_SECONDS if waits else _SOON_SECONDS


def _workers_run() -> bool:
    app = active_app.get(None)
    if app is None:
        return False
    if getattr(app, "keys_pending", False):
        return True
    return any(not worker.is_finished for worker in app.workers)


def install() -> None:
    """Let every pilot wait for this, and for a screen as long as for any condition."""
    textual.app.wait_for_idle = settled
    textual.pilot.wait_for_idle = settled
    textual.pilot.Pilot._wait_for_screen.__defaults__ = (60.0,)
