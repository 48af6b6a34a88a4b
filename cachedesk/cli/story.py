"""``cachedesk story``: play failure stories and check their claims."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import (
    NonEmptyPath,
    appearance_of_user,
    json_option,
    report_option,
    theme_option,
    user_folder,
)
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.console.output import has_bar, is_served, is_terminal, print_json, print_text

if TYPE_CHECKING:
    from cachedesk.desk.story_choice import StoryChoice
    from cachedesk.lab.stories.script import Story
    from cachedesk.lab.stories.story_report import StoryReport


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="List the stories.")
@click.option(
    "--all", "play_all", is_flag=True, help="Play all stories and print a table of their claims."
)
@click.option(
    "--times", type=click.IntRange(1, 10_000), default=1, metavar="N", help="Play N times in a row."
)
@click.option(
    "--flip",
    metavar="SAFEGUARD",
    help="Toggle a safeguard (log, read_repair, effectively_once, cold_restart), to see which"
    " claim breaks.",
)
@click.option("--headless", is_flag=True, help="Print the story as plain text, without the desk.")
@report_option
@click.option("--show", is_flag=True, help="Print the story's file, as a template for your own.")
@json_option
@click.option(
    "--data",
    type=NonEmptyPath(path_type=Path),
    metavar="DIR",
    help="Keep the data directory of each act in DIR/NAME/ACT.  [default: temporary ones]",
)
@theme_option
@click.pass_context
def story(
    ctx: click.Context,
    *,
    name: str | None,
    listed: bool,
    play_all: bool,
    times: int,
    flip: str | None,
    headless: bool,
    report: Path | None,
    show: bool,
    as_json: bool,
    data: Path | None,
    theme: str,
) -> None:
    """Play a failure story on the real stack and check its claims.

    NAME is one of --list, or a file of your own that ends in .toml. On a terminal it plays on the
    desk.

    Exit status: 0 every claim holds, 1 one is broken, 2 bad usage or a bad file.
    """
    from cachedesk.core.safeguards import known
    from cachedesk.lab.stories.library import NAMES, text
    from cachedesk.lab.stories.library import story as find

    if play_all and name:
        raise click.UsageError("--all plays all stories; leave the name out.")
    if data is not None and times > 1:
        raise click.UsageError("--data keeps the files of one run; it excludes --times.")
    if show and name in NAMES:
        print_text(text(name).rstrip())
        return
    if listed or not (name or play_all):
        _list([find(each) for each in NAMES], as_json)
        return
    stories = [find(each) for each in (NAMES if play_all else (name or "",))]
    if flip is not None:
        stories = [each.flipped(known(flip)) for each in stories]
    plain = as_json or headless or play_all or times > 1 or report is not None
    if not plain and (is_terminal() or is_served()):
        ctx.exit(_on_the_desk(stories[0], name or "", flip or "", data, theme))
    ctx.exit(
        _headless(
            stories,
            times,
            data,
            as_json=as_json,
            narrate=not play_all and times == 1,
            report=report,
        )
    )


def _list(stories: list[Story], as_json: bool) -> None:
    if as_json:
        print_json({"stories": [{"story": it.name, "title": it.title} for it in stories]})
        return
    width = max(len(it.name) for it in stories)
    print_text("\n".join(f"{it.name:<{width}}  {it.title}" for it in stories))


def _on_the_desk(story: Story, name: str, flip: str, data: Path | None, theme: str) -> int:
    from cachedesk.desk.story_choice import StoryChoice
    from cachedesk.desk.terminal.parent import run_under_parent
    from cachedesk.lab.stories.story_report import folder_for

    with folder_for(story.name, data) as folder:

        def show(notice: str) -> int:
            return _shown(story, StoryChoice(name, flip), folder, theme)

        # A story is not resumed after a kill: its folder is removed here.
        return show("") if is_served() else run_under_parent(show, again=False)


def _shown(story: Story, choice: StoryChoice, folder: Path, theme: str) -> int:
    from cachedesk.desk.modes.story_session import StorySession, play_stories
    from cachedesk.desk.views.closing_message import print_closing_message, saved_file_lines

    own, shown = user_folder(), appearance_of_user(theme)
    session = StorySession(shown, own, environment_failpoints())
    status = play_stories(session, choice, story, folder)
    print_closing_message(saved_file_lines(session.saved))
    return status


def _headless(
    stories: list[Story],
    times: int,
    data: Path | None,
    *,
    as_json: bool,
    narrate: bool,
    report: Path | None,
) -> int:
    from cachedesk.console.signals import Signals
    from cachedesk.lab.stories.story_report import table

    played: list[StoryReport] = []
    with Signals() as signals:
        for number in range(times):
            for story in stories:
                if signals.received.is_set():
                    return signals.exit_code or 1
                if not narrate and has_bar():
                    turn = f" ({number + 1} of {times})" if times > 1 else ""
                    click.echo(f"\r\x1b[K{story.name}{turn} …", err=True, nl=False)
                played.append(_played(story, data, narrate=narrate and not as_json))
    if not narrate and has_bar():
        click.echo("\r\x1b[K", err=True, nl=False)
    holds = all(each.holds for each in played)
    if as_json:
        stories_json = [each.as_json() for each in played]
        print_json({"holds": holds, "stories": stories_json})
    elif narrate:
        print_text("\n".join(["", *played[0].lines()]))
    else:
        # Of many runs, show the last one and those in which a claim is broken.
        last = played[-len(stories) :]
        broken = [it for it in played[: -len(stories)] if not it.holds]
        print_text("\n".join(table(broken + last)))
        if times > 1:
            whole = sum(each.holds for each in played)
            print_text(f"{whole:,} of {len(played):,} runs hold.")
    if report is not None:
        from cachedesk.reports.file import write_report
        from cachedesk.reports.origin import origin
        from cachedesk.reports.story import story_document

        write_report(report, story_document(played[-len(stories) :], origin(sys.argv[1:], None)))
    return 0 if holds else 1


def _played(story: Story, data: Path | None, *, narrate: bool) -> StoryReport:
    from cachedesk.core.printable import printable
    from cachedesk.lab.stories.scene import Scene
    from cachedesk.lab.stories.story_report import folder_for, narrated, play

    before: Scene | None = None

    def print_scene(scene: Scene) -> None:
        nonlocal before
        if lines := list(narrated(printable(scene), before)):
            print_text("\n".join(lines))
        before = scene

    failpoints = environment_failpoints()
    with folder_for(story.name, data) as folder:
        return play(story, folder, print_scene if narrate else lambda scene: None, failpoints)
