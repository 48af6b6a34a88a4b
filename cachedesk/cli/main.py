"""The command line: the group ``cachedesk``, its smallest commands, and the entry point.

A command reads its options, calls another package, and prints. Heavy modules are imported where
they are used, so that ``--help`` is fast.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cachedesk import __version__
from cachedesk.cli.bench import bench
from cachedesk.cli.compare import compare
from cachedesk.cli.dead import dead
from cachedesk.cli.looking import explain, verify
from cachedesk.cli.options import (
    WORKLOAD_CLIENTS,
    DeskOptions,
    NonEmptyPath,
    PositiveFloat,
    StackOptions,
    clients_option,
    config_option,
    data_option,
    desk_options,
    json_option,
    seed_option,
    stack_options,
    without_option,
)
from cachedesk.cli.replay import replay
from cachedesk.cli.resolve import environment_failpoints, safeguards_without
from cachedesk.cli.run import run
from cachedesk.cli.serve import serve
from cachedesk.cli.story import story
from cachedesk.cli.torture import torture
from cachedesk.cli.tour import tour
from cachedesk.cli.up import up
from cachedesk.cli.watch import watch
from cachedesk.console.output import (
    forget_output,
    is_served,
    is_terminal,
    one_line,
    print_bytes,
    print_json,
    print_text,
)

if TYPE_CHECKING:
    from types import FrameType


DESK_RATE = 1000.0
DESK_ARTICLES = 1_000
"""Few enough to have Redis warm again within seconds of a kill."""


class _ReaderGone(Exception):
    """Standard output was closed by its reader."""


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Click would exit with status 1, which means that a promise was broken.
            raise _ReaderGone from None


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@stack_options
@click.option(
    "--workload", default="article", show_default=True, metavar="NAME", help="Generated traffic."
)
@click.option(
    "--rate",
    type=PositiveFloat(),
    default=DESK_RATE,
    show_default=True,
    help="Operations per second.",
)
@seed_option
@clients_option
@without_option
@click.option(
    "--versus",
    multiple=True,
    metavar="NAME=VALUE",
    help="Two stacks side by side under one traffic, the left one with this difference: a"
    " safeguard (log=off), policy=PATTERN=PATH, or a setting that compare can vary"
    " (maxmemory=8mb); NAME=LEFT,RIGHT sets both; repeatable.",
)
@click.option(
    "--trace",
    type=NonEmptyPath(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --versus: recorded traffic instead of the workload, from its end again from its"
    ' start, in a format that "cachedesk run --trace" detects.',
)
@desk_options
@click.version_option(__version__, prog_name="cachedesk", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    stack: StackOptions,
    workload: str,
    rate: float,
    seed: int,
    clients: int | None,
    without: tuple[str, ...],
    versus: tuple[str, ...],
    trace: Path | None,
    desk: DeskOptions,
) -> None:
    """A real cache stack on your desk: Redis for speed, a write-behind log for safety, SQLite
    for truth. Watch it, break it, and see what was lost.

    Without a command, open the desk with a workload running.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_desk_options(ctx)
        return
    if not (is_terminal() or is_served()):
        raise click.UsageError('The desk needs a terminal; without one, use "cachedesk run".')
    if trace and not versus:
        raise click.UsageError('--trace needs --versus, or "cachedesk run --trace".')
    if trace and ctx.get_parameter_source("workload") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--trace excludes --workload.")
    if versus:
        from cachedesk.cli.versus import run_versus

        clients = clients or WORKLOAD_CLIENTS
        workload_and_pace = (workload, seed, clients, rate)
        ctx.exit(run_versus(versus, stack, desk, without, workload_and_pace, trace=trace))
    data = stack.directory

    def show(notice: str) -> int:
        from cachedesk.desk.modes.live import open_desk
        from cachedesk.lab.load.driver import Load
        from cachedesk.lab.load.traffic import WorkloadTraffic

        return open_desk(
            data,
            stack.settings(),
            WorkloadTraffic(workload, seed, DESK_ARTICLES if workload == "article" else None),
            Load(clients or WORKLOAD_CLIENTS, rate),
            desk.appearance(stack),
            safeguards=safeguards_without(without),
            # Only for the first desk: the one that follows a kill must not fail again.
            failpoints="" if notice else environment_failpoints(),
            restart_notice=notice,
        )

    from cachedesk.desk.terminal.parent import run_under_parent

    # The parent process of a served desk is its web server.
    ctx.exit(show("") if is_served() else run_under_parent(show, again=True))


@cli.command()
@click.argument("key")
@json_option
@data_option
@click.pass_context
def get(ctx: click.Context, key: str, as_json: bool, data: Path) -> None:
    """Print the value of KEY: its row with its pending events folded in.

    Exit status: 1 if it is absent.
    """
    from cachedesk.admin.inspection import look_up, read_as_json
    from cachedesk.core.codecs import readable
    from cachedesk.core.events import as_key

    raw = as_key(os.fsencode(key))
    found = look_up(data, raw)
    if as_json:
        print_json(read_as_json(raw, found))
    elif found.value is None:
        click.echo(f"cachedesk: there is no key {key!r} in {data}", err=True)
    else:
        print_bytes(readable(found.value) + b"\n")
    ctx.exit(1 if found.value is None else 0)


@cli.command()
@click.option("--raw", is_flag=True, help="Values as they are stored.")
@data_option
def dump(raw: bool, data: Path) -> None:
    """Print every key with its value, one JSON array [key, value] a line, sorted by key.

    Values are the truth: rows with their pending events folded in. Bytes that are not UTF-8 are
    written as {"base64": "..."}. Compressed values and MessagePack are written as text, unless
    --raw is given.
    """
    from cachedesk.admin.inspection import dump_lines

    for chunk in dump_lines(data, raw=raw):
        print_bytes(chunk)


@cli.command()
@json_option
@data_option
@config_option
@click.pass_context
def drain(ctx: click.Context, as_json: bool, data: Path, config: Path | None) -> None:
    """Flush the write-behind log of a data directory that is not in use to its database."""
    from cachedesk.admin.inspection import drain_directory
    from cachedesk.config import load

    drained = drain_directory(data, load(data, config), failpoints=environment_failpoints())
    if as_json:
        print_json(drained.as_json())
    else:
        print_text(str(drained))
    ctx.exit(drained.exit_code)


@cli.command()
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Proceed although events that were only in the log are lost.",
)
@data_option
def recover(data: Path, accept_loss: bool) -> None:
    """Start a new write-behind log in a data directory whose log was lost.

    For a directory that cannot be opened although its database is undamaged. The command says
    what is lost, if anything; the rest of the old log is kept beside the new one.
    """
    from cachedesk.admin.inspection import recover_directory

    print_text(recover_directory(data, accept_loss=accept_loss))


cli.add_command(compare)
cli.add_command(dead)
cli.add_command(explain)
cli.add_command(replay)
cli.add_command(run)
cli.add_command(serve)
cli.add_command(story)
cli.add_command(torture)
cli.add_command(tour)
cli.add_command(up)
cli.add_command(verify)
cli.add_command(watch)
cli.add_command(bench)


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = cli.main(prog_name="cachedesk", standalone_mode=False)
        print_bytes(b"")
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "cachedesk"
        message = one_line(error.format_message())
        click.echo(f'cachedesk: {message} See "{command} --help".', err=True)
        code = error.exit_code
    except click.Abort:
        code = 128 + signal.SIGINT
    except (_ReaderGone, BrokenPipeError):
        forget_output()
        code = 128 + signal.SIGPIPE
    except Exception as error:
        from cachedesk.core.errors import CachedeskError

        if isinstance(error, OSError):
            # No descriptors, no disk space, a closed terminal: a fault of the machine, not a bug.
            forget_output()
        elif not isinstance(error, CachedeskError):
            raise
        # A path may contain a line break.
        click.echo(f"cachedesk: {one_line(str(error))}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


_DESK_OPTIONS = (
    "policies", "workload", "rate", "seed", "clients", "without", "versus", "trace", "read_only",
    "refresh",
)  # fmt: skip


def _refuse_desk_options(ctx: click.Context) -> None:
    for option in _DESK_OPTIONS:
        if ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            flag = "policy" if option == "policies" else option.replace("_", "-")
            command = str(ctx.invoked_subcommand)
            if option in {parameter.name for parameter in cli.commands[command].params}:
                raise click.UsageError(
                    f"--{flag} must come after the command: cachedesk {command} --{flag}"
                )
            raise click.UsageError(f'--{flag} is not an option of "cachedesk {command}".')
