"""``cachedesk torture``: kill -9 and restart, many times, judged from outside."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cachedesk.cli.options import json_option, report_option, seed_option
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.console.output import print_json, print_text


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["random", "failpoints", "syscalls"]),
    default="random",
    show_default=True,
    help="Kill at random moments while faults strike; at each hit of each failpoint; or at each"
    " durable system call, which then also fails with EIO and ENOSPC (needs strace).",
)
@click.option(
    "--cycles",
    type=click.IntRange(1),
    metavar="N",
    help="Random cycles, at most N hits of each failpoint, at most N calls of each kind, or"
    " repetitions.  [default: 100 cycles; all hits; all calls; 10 repetitions]",
)
@click.option(
    "--boots",
    is_flag=True,
    help="With --mode failpoints: after each kill, kill again at each point of the next boot.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Repeat a cycle that an earlier run kept: same files, calls, faults and moment of death."
    " Thread scheduling differs, so the failure may not occur each time.",
)
@seed_option
@report_option
@json_option
@click.pass_context
def torture(
    ctx: click.Context,
    *,
    mode: str,
    cycles: int | None,
    boots: bool,
    replay: Path | None,
    seed: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Kill the stack (SIGKILL) and restart it, many times, and judge it from outside.

    Exit status: 1 at the first broken promise; the files from before and after that cycle are
    kept then.
    """
    if boots and mode != "failpoints":
        raise click.UsageError("--boots needs --mode failpoints.")
    for option in ("mode", "seed") if replay else ():
        if ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--replay excludes --{option}: the kept cycle has its own.")
    from cachedesk.lab.torture.play import play, play_again
    from cachedesk.lab.torture.torture_report import verdict

    if replay is not None:
        found, status = play_again(replay, cycles)
    else:
        found, status = play(mode, cycles, seed, boots=boots, failpoints=environment_failpoints())
    if as_json:
        print_json(found)
    else:
        print_text(verdict(found))
    if report is not None:
        from cachedesk.reports.file import write_report
        from cachedesk.reports.origin import origin
        from cachedesk.reports.torture import torture_document

        write_report(
            report, torture_document(found, origin(sys.argv[1:], None if replay else seed))
        )
    ctx.exit(status)
