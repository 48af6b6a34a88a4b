"""``cachedesk replay``: play a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import NewFile, NonEmptyPath, PositiveFloat, json_option, user_folder
from cachedesk.console.output import is_served, is_terminal, print_json, print_text, short_path

if TYPE_CHECKING:
    from cachedesk.recording.recording_file import RecordingFile


@click.command()
@click.argument("file", type=NonEmptyPath(path_type=Path))
@click.option(
    "--speed",
    type=PositiveFloat(),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Playback speed, 0.25 to 16.",
)
@click.option(
    "--html",
    type=NewFile("write the film"),
    metavar="FILE",
    help="Write a film to a new file instead: one HTML page that plays offline.",
)
@json_option
@click.pass_context
def replay(
    ctx: click.Context, *, file: Path, speed: float, html: Path | None, as_json: bool
) -> None:
    """Play a recording on the screens of the desk; "cachedesk run --record FILE" makes one.

    With --json, print a summary instead: its event balance, its faults, its events. With --html,
    write it as one page to show to others.
    """
    from cachedesk.recording.player import FASTEST, SLOWEST
    from cachedesk.recording.recording_file import RecordingFile

    if not SLOWEST <= speed <= FASTEST:
        raise click.BadParameter(
            f"{speed:g} is not {SLOWEST:g} to {FASTEST:g}.", ctx, param_hint="--speed"
        )
    if as_json and html:
        raise click.UsageError("--json and --html exclude each other.")
    if not (as_json or html or is_terminal() or is_served()):
        raise click.UsageError(
            'A replay needs a terminal; without one, use "cachedesk replay FILE --json".'
        )
    with RecordingFile(file) as recording:
        if as_json:
            from cachedesk.recording.summary import summary

            print_json(summary(recording))
        elif html:
            print_text(_write_html(recording, html))
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


def _play(recording: RecordingFile, speed: float) -> int:
    """Play it on the terminal and return the exit status."""
    from cachedesk.console.signals import Signals
    from cachedesk.desk.modes.playback import ReplayApp
    from cachedesk.desk.terminal.leaving import Deadline
    from cachedesk.desk.terminal.running import run_app
    from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines
    from cachedesk.recording.player import Player

    with Signals() as signals:
        folder = user_folder()
        app = ReplayApp(
            Player(recording, speed=speed), data_label=short_path(recording.path), folder=folder
        )
        with Deadline(lambda: None, lambda: signals.exit_code or 1) as deadline:
            status = run_app(app, signals, deadline, folder)
    if not signals.received.is_set():
        print_closing_message(saved_file_lines(app.saved))
    return status
