"""A seeded monkey: it types, clicks, drags, turns the wheel and resizes each screen of the desk.

    python -m tests.desk.monkey --acts 50000 --seed 1
    python -m tests.desk.monkey --acts 200 --seed 7 --mode story

Each session is an app of its own and prints its seed when the app ends. Exit code 1: an app ended.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from cachedesk.core.key_report import KeyReport
from cachedesk.core.settings import Settings
from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.modes.live_story import StoryApp
from cachedesk.desk.modes.playback import ReplayApp
from cachedesk.desk.modes.touring import LiveApp
from cachedesk.desk.modes.versus import VersusApp
from cachedesk.desk.modes.watching import WatchApp
from cachedesk.desk.story_choice import StoryChoice, offers_after
from cachedesk.desk.terminal.terminal_app import TerminalApp
from cachedesk.recording.player import Player
from cachedesk.recording.recording_file import RecordingFile

from . import pairs, reports, scenes, stories, watched
from .pairs import FixedPair
from .piloting import (
    ChangingSource,
    FixedInspector,
    RecordingControl,
    click,
    drive,
    screen_text,
    until,
    write,
)

ACTS_AT_ONCE = 20
"""What arrives in one piece, as from a fast typist or over a slow line."""
SESSION_ACTS = 400
"""Acts of one app in a long run; then another seed begins."""

KEYS = (
    *(action.key for action in ACTIONS if len(action.key) == 1),
    *"/?+-= \t\r\r\x1b\x1b<>[].,rNF",
    *("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[5~", "\x1b[6~", "\x1b[Z"),
    *("ab*", "25\r", "\x7f", "\x03", "\x10", "\x11", "theme\r"),
    *("\x1b[200~views:*\nk\x1b[201~", "\x1b[O\x1b[I"),
)
SIZES = {
    (60, 20): 10, (80, 24): 10, (40, 10): 6, (20, 5): 3, (1, 1): 1,
    (120, 40): 3, (160, 50): 1, (180, 50): 1, (250, 80): 1,
}  # fmt: skip
"""Each size of the terminal with its weight: large screens cost the most to draw."""
FIRST_SIZE = (80, 24)

DESKS = (
    scenes.HEALTHY, scenes.REDIS_DOWN, scenes.JUST_KILLED, scenes.ALL_DOWN, scenes.DRAINING,
    scenes.UNBALANCED, scenes.EMPTY, scenes.HUGE, scenes.ODD_KEYS, scenes.paused(scenes.HEALTHY),
)  # fmt: skip
PAIRS = (*pairs.SCENES.values(), pairs.SILENT, pairs.ODD)
STORIES = tuple(
    (scene, snapshot)
    for scene in (stories.STEP, stories.END, stories.FLIPPED, stories.FAILED)
    for snapshot in (stories.BEFORE, stories.LOST, scenes.EMPTY)
)
RECORDING = Path(__file__).parents[2] / "assets" / "recorded" / "desk.rec"


@dataclass
class Caged:
    """An app and what changes below it: ``shake`` shows another state."""

    app: TerminalApp
    shake: Callable[[random.Random], None]


class Storyteller(stories.Fixed):
    """A story whose scene is changed from outside; its steps do nothing."""

    def __init__(self) -> None:
        super().__init__(*STORIES[0])

    def tell(self, scene: Any, snapshot: Any) -> None:
        self._scene, self._snapshot = scene, snapshot

    def inspect(self, key: bytes) -> Any:
        return reports.NOTHING_ANSWERS

    def advance(self) -> None:
        """Do nothing."""

    back = advance


class Clock:
    """Moves only when the state below the app is changed."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _live(_: ExitStack) -> Caged:
    source = ChangingSource(scenes.HEALTHY)
    app = LiveApp(source, RecordingControl(), inspector=FixedInspector(reports.PENDING),
                  refresh_hz=None, greeting=True, settings=Settings())  # fmt: skip

    def shake(draw: random.Random) -> None:
        source.value = draw.choice(DESKS)
        app._puller.soon()

    return Caged(app, shake)


def _story(_: ExitStack) -> Caged:
    player = Storyteller()
    choice = StoryChoice("the-gap")
    app = StoryApp(player, refresh_hz=None, follows=False,
                   offers=offers_after(choice, choice.story()))  # fmt: skip

    def shake(draw: random.Random) -> None:
        scene, snapshot = draw.choice(STORIES)
        player.tell(replace(scene, busy=draw.random() < 0.2), snapshot)
        app._show_scene()
        app._puller.soon()

    return Caged(app, shake)


def _replay(stack: ExitStack) -> Caged:
    clock = Clock()
    player = Player(stack.enter_context(RecordingFile(RECORDING)), clock=clock)
    app = ReplayApp(player, follows=False)

    def shake(draw: random.Random) -> None:
        clock.now += draw.choice((0.5, 3.0, 30.0))
        app._follow_player()

    return Caged(app, shake)


def _versus(_: ExitStack) -> Caged:
    source = FixedPair(pairs.EXPOSED)
    app = VersusApp(source, RecordingControl(), explain=_explained, refresh_hz=None)

    def shake(draw: random.Random) -> None:
        source.value = draw.choice(PAIRS)
        app._puller.soon()

    return Caged(app, shake)


def _explained(side: int, key: bytes) -> KeyReport:
    """Explain any key, on one side less well than on the other."""
    return reports.PENDING if side else reports.NOTHING_ANSWERS


def _watch(_: ExitStack) -> Caged:
    watcher = watched.FixedWatcher()
    app = WatchApp(watcher, warn=True)

    def shake(draw: random.Random) -> None:
        watcher.shown = draw.choice(tuple(watched.SCENES.values()))
        app.refresh_watch()

    return Caged(app, shake)


MODES: dict[str, Callable[[ExitStack], Caged]] = {
    "live": _live,
    "story": _story,
    "replay": _replay,
    "versus": _versus,
    "watch": _watch,
}


def act(draw: random.Random, width: int, height: int) -> tuple[str, int]:
    """Return what a terminal sends for a key, a click, a turn of the wheel or a drag, and how many
    of them it is: a double click is two."""
    # A terminal that has just become smaller still reports places outside of it.
    column, row = draw.randrange(width + 3), draw.randrange(height + 2)
    kind = draw.random()
    times = draw.choice((1, 1, 2, 3))
    if kind < 0.65:
        times = min(times, 2)
        return draw.choice(KEYS) * times, times
    if kind < 0.85:
        return click(column, row) * times, times
    if kind < 0.93:
        return f"\x1b[<{draw.choice((64, 65, 66, 67))};{column + 1};{row + 1}M" * times, times
    if kind < 0.96:
        return f"\x1b[<35;{column + 1};{row + 1}M", 1
    to_column, to_row = draw.randrange(width), draw.randrange(height)
    return (
        f"\x1b[<0;{column + 1};{row + 1}M\x1b[<32;{to_column + 1};{to_row + 1}M"
        f"\x1b[<0;{to_column + 1};{to_row + 1}m"
    ), 1


def play(mode: str, seed: int, acts: int) -> str:
    """Let the monkey do ``acts`` acts on an app; return what ended the app, empty if nothing did.

    Args:
        mode: a name of ``MODES``.
        seed: decides every act.
        acts: how many keys, clicks, drags and turns of the wheel at least; sizes and states change
            in between.
    """
    draw = random.Random(f"{mode} {seed}")
    done: list[object] = []
    with ExitStack() as stack:
        caged = MODES[mode](stack)
        app = caged.app

        async def script(pilot: Pilot[None]) -> None:
            # The buttons and keys that leave are pressed as well.
            app.exit = lambda *_, **__: None  # type: ignore[method-assign]
            left = acts
            while left > 0:
                chance = draw.random()
                if chance < 0.2:
                    (size,) = draw.choices(tuple(SIZES), tuple(SIZES.values()))
                    done.append(size)
                    await pilot.resize_terminal(*size)
                elif chance < 0.6:
                    done.append("another state")
                    caged.shake(draw)
                some = [act(draw, *app.size) for _ in range(ACTS_AT_ONCE)]
                done.append("".join(text for text, _ in some))
                left -= sum(count for _, count in some)
                write(app, done[-1])
                await until(pilot, lambda: not app.keys_pending, "keys are taken")
                if app.crash:
                    return
            await _leaves_all(pilot, app)

        try:
            drive(app, script, FIRST_SIZE)
        except Exception:  # noqa: BLE001 - whatever ended it is what is looked for
            app.crash = app.crash or traceback.format_exc()
    return f"{mode}, seed {seed}, after {done[-3:]}:\n{app.crash}" if app.crash else ""


async def _leaves_all(pilot: Pilot[None], app: TerminalApp) -> None:
    """Close what is open with Escape, and see that the first screen is drawn."""
    await pilot.resize_terminal(*FIRST_SIZE)
    for _ in range(12):
        if len(app.screen_stack) == 1:
            break
        await pilot.press("escape")
    await until(pilot, lambda: len(app.screen_stack) == 1, "every screen is closed")
    assert screen_text(app).strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.desk.monkey", description=__doc__)
    parser.add_argument("--acts", type=int, default=2_000, help="over all screens")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--mode", choices=MODES, help="this screen only")
    chosen = parser.parse_args(arguments)
    modes = [chosen.mode] if chosen.mode else list(MODES)
    ended = done = 0
    seed = chosen.seed
    while done < chosen.acts:
        for mode in modes:
            acts = min(SESSION_ACTS, max(ACTS_AT_ONCE, chosen.acts - done))
            crash = play(mode, seed, acts)
            done += acts
            ended += bool(crash)
            print(crash or f"{mode} {seed}: {acts} acts", flush=True)
        seed += 1
    print(f"{done} acts, {ended} apps ended", flush=True)
    return int(ended > 0)


if __name__ == "__main__":
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    sys.exit(main())
