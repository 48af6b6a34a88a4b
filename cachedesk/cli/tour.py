"""``cachedesk tour``: a guided tour of the desk."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cachedesk.cli.options import (
    WORKLOAD_CLIENTS,
    NonEmptyPath,
    appearance_of_user,
    theme_option,
)
from cachedesk.console.output import is_served, is_terminal


@click.command()
@click.argument("file", required=False, type=NonEmptyPath(path_type=Path, dir_okay=False))
@click.option(
    "--class",
    "large",
    is_flag=True,
    help="For a class: show each question large and wait for →, without a score.",
)
@click.option(
    "--data",
    type=NonEmptyPath(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Tour the stack in this data directory; its last station loses writes of the workload."
    "  [default: a temporary one]",
)
@theme_option
@click.pass_context
def tour(
    ctx: click.Context, *, file: Path | None, large: bool, data: Path | None, theme: str
) -> None:
    """Take the tour of the desk: six stations in two minutes, on a running stack.

    It waits for the keys that it names, asks what will happen, and counts your right answers.
    FILE is a tour of your own, in TOML.

    Exit status: 0, or that of the desk if an acknowledged write was lost in --data.
    """
    from cachedesk.config import load
    from cachedesk.lab.stories.tour_reading import read_tour

    script = read_tour(file) if file is not None else None
    if not (is_terminal() or is_served()):
        raise click.UsageError("The tour needs a terminal.")
    appearance = appearance_of_user(theme)
    with ExitStack() as stack:
        place = data or Path(
            stack.enter_context(
                TemporaryDirectory(prefix="cachedesk-tour-", ignore_cleanup_errors=True)
            )
        )
        settings = load(place, None)

        def show(notice: str) -> int:
            from cachedesk.cli.main import DESK_ARTICLES, DESK_RATE
            from cachedesk.desk.modes.live import open_desk
            from cachedesk.desk.modes.touring import TourPlan
            from cachedesk.lab.load.driver import Load
            from cachedesk.lab.load.traffic import WorkloadTraffic

            return open_desk(
                place,
                settings,
                WorkloadTraffic("article", 1, DESK_ARTICLES),
                Load(WORKLOAD_CLIENTS, DESK_RATE),
                appearance,
                restart_notice=notice,
                plan=TourPlan(script, at_once=not notice, large=large, temporary=data is None),
            )

        from cachedesk.desk.terminal.parent import run_under_parent

        ctx.exit(show("") if is_served() else run_under_parent(show, again=True))
