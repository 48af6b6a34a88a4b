"""``cachedesk replay``: play a recording."""

from __future__ import annotations

from pathlib import Path

import click

from cachedesk.cli.options import NonEmptyPath, PositiveFloat, json_option, user_folder
from cachedesk.console.output import is_served, is_terminal, print_json, short_path


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
@json_option
@click.pass_context
def replay(ctx: click.Context, *, file: Path, speed: float, as_json: bool) -> None:
    """Play a recording on the screens of the desk; "cachedesk run --record FILE" makes one.

    With --json, print a summary instead: its event balance, its faults, its events.
    """
    from cachedesk.recording.player import FASTEST, SLOWEST, Player
    from cachedesk.recording.recording_file import RecordingFile

    if not SLOWEST <= speed <= FASTEST:
        raise click.BadParameter(
            f"{speed:g} is not {SLOWEST:g} to {FASTEST:g}.", ctx, param_hint="--speed"
        )
    if not as_json and not (is_terminal() or is_served()):
        raise click.UsageError(
            'A replay needs a terminal; without one, use "cachedesk replay FILE --json".'
        )
    with RecordingFile(file) as recording:
        if as_json:
            from cachedesk.recording.summary import summary

            print_json(summary(recording))
            return
        from cachedesk.console.signals import Signals
        from cachedesk.desk.modes.playback import ReplayApp
        from cachedesk.desk.terminal.leaving import Deadline
        from cachedesk.desk.terminal.running import run_app
        from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines

        with Signals() as signals:
            folder = user_folder()
            app = ReplayApp(
                Player(recording, speed=speed), data_label=short_path(file), folder=folder
            )
            with Deadline(lambda: None, lambda: signals.exit_code or 1) as deadline:
                status = run_app(app, signals, deadline, folder)
        if not signals.received.is_set():
            print_closing_message(saved_file_lines(app.saved))
    ctx.exit(status)
