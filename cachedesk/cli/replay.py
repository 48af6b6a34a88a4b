"""``cachedesk replay``: play a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import (
    NewFile,
    NonEmptyPath,
    PositiveFloat,
    TerminalSize,
    json_option,
    user_folder,
)
from cachedesk.console.output import (
    has_bar,
    is_served,
    is_terminal,
    print_json,
    print_text,
    short_path,
)

if TYPE_CHECKING:
    from cachedesk.desk.terminal.terminal_app import TerminalApp
    from cachedesk.recording.recording_file import RecordingFile


@click.command()
@click.argument("file", type=NonEmptyPath(path_type=Path))
@click.option(
    "--speed",
    type=PositiveFloat(),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Playback speed, 0.25 to 16; also of a cast.",
)
@click.option(
    "--html",
    type=NewFile("write the film"),
    metavar="FILE",
    help="Write a film to a new file instead: one HTML page that plays offline.",
)
@click.option(
    "--cast",
    type=NewFile("write the cast"),
    metavar="FILE",
    help="Write the desk to a new file instead, as asciinema plays it (asciicast v2).",
)
@click.option(
    "--size",
    type=TerminalSize(),
    metavar="WxH",
    help="Columns and rows of a cast.  [default: 120x40]",
)
@click.option(
    "--idle-limit",
    type=PositiveFloat(),
    metavar="SECONDS",
    help="Cut what is longer than this in a cast while nothing happens.  [default: cut nothing]",
)
@click.option(
    "--versus",
    "beside",
    type=NonEmptyPath(path_type=Path),
    metavar="RIGHT",
    help="Play this recording of the right side beside FILE, that of the left side.",
)
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    *,
    file: Path,
    speed: float,
    html: Path | None,
    cast: Path | None,
    size: tuple[int, int] | None,
    idle_limit: float | None,
    beside: Path | None,
    as_json: bool,
) -> None:
    """Play a recording on the screens of the desk; "cachedesk run --record FILE" makes one.

    With --json, print a summary instead: its event balance, its faults, its events. With --html,
    write it as one page to show to others, with --cast as a terminal session.
    """
    from cachedesk.recording.player import FASTEST, SLOWEST
    from cachedesk.recording.recording_file import RecordingFile

    if not SLOWEST <= speed <= FASTEST:
        raise click.BadParameter(
            f"{speed:g} is not {SLOWEST:g} to {FASTEST:g}.", ctx, param_hint="--speed"
        )
    if sum(map(bool, (as_json, html, cast))) > 1:
        raise click.UsageError("--json, --html and --cast exclude each other.")
    if html and speed != 1.0:
        raise click.UsageError("--speed and --html exclude each other: a film has keys for it.")
    if cast is None and (size or idle_limit):
        raise click.UsageError("--size and --idle-limit need --cast.")
    if beside and (as_json or html or cast):
        raise click.UsageError("--versus excludes --json, --html and --cast.")
    if not (as_json or html or cast or is_terminal() or is_served()):
        raise click.UsageError(
            'A replay needs a terminal; without one, use "cachedesk replay FILE --json".'
        )
    with RecordingFile(file) as recording:
        if as_json:
            from cachedesk.recording.summary import summary

            print_json(summary(recording))
        elif html:
            print_text(_write_html(recording, html))
        elif cast:
            ctx.exit(_write_cast(recording, cast, size or (120, 40), speed, idle_limit))
        elif beside:
            with RecordingFile(beside) as right:
                ctx.exit(_play_pair(recording, right, speed))
        else:
            ctx.exit(_play(recording, speed))


def _write_html(recording: RecordingFile, path: Path) -> str:
    """Write the film and return what was written."""
    from cachedesk.desk.views.film_scene import film_scene
    from cachedesk.reports.film.collecting import film_data
    from cachedesk.reports.film.page import write_film

    data = film_data(recording, film_scene)
    size = write_film(path, data)
    seconds = recording.length_seconds
    return f"{path}: {seconds:.1f} s in {len(data['at']):,} frames, {size:,} bytes"


def _write_cast(
    recording: RecordingFile,
    path: Path,
    size: tuple[int, int],
    speed: float,
    idle_limit: float | None,
) -> int:
    """Film the desk, write the cast, print what was written, and return the exit status."""
    from cachedesk.desk.modes.casting import CastApp, progress, write_cast
    from cachedesk.recording.pacing import paced

    shots = tuple(paced(recording, speed, idle_limit))
    with progress(len(shots), has_bar()) as advance:
        app = CastApp(recording, shots, size, speed=speed, on_shot=advance)
        status, signalled = _run(app)
    if status or signalled:
        return status
    session = app.session()
    written = write_cast(path, session)
    print_text(
        f"{path}: {session.seconds:.1f} s in {len(shots):,} pictures of {size[0]}x{size[1]},"
        f" {written:,} bytes"
    )
    return 0


def _play(recording: RecordingFile, speed: float) -> int:
    """Play it on the terminal and return the exit status."""
    from cachedesk.desk.modes.playback import ReplayApp
    from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
    from cachedesk.recording.player import Player

    player = Player(recording, speed=speed)
    app = ReplayApp(player, data_label=short_path(recording.path), folder=user_folder())
    status, signalled = _run(app)
    if not signalled:
        print_closing_message(saved_file_lines(app.saved))
    return status


def _play_pair(left: RecordingFile, right: RecordingFile, speed: float) -> int:
    """Play both on the terminal and return the exit status."""
    from cachedesk.desk.modes.versus_replay import VersusReplayApp
    from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
    from cachedesk.lab.versus.pair_player import PairPlayer

    label = f"{left.path.name} | {right.path.name}"
    player = PairPlayer(left, right, speed=speed)
    app = VersusReplayApp(player, label=label, folder=user_folder())
    status, signalled = _run(app)
    if not signalled:
        print_closing_message(saved_file_lines(app.saved))
    return status


def _run(app: TerminalApp) -> tuple[int, bool]:
    """Run a desk; return the exit status, and whether a signal ended it."""
    from cachedesk.console.signals import Signals
    from cachedesk.desk.terminal.leaving import Deadline
    from cachedesk.desk.terminal.running import run_app

    with (
        Signals() as signals,
        Deadline(lambda: None, lambda: signals.exit_code or 1) as deadline,
    ):
        status = run_app(app, signals, deadline, user_folder())
    return status, signals.received.is_set()
