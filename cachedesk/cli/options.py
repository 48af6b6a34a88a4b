"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

WORKLOAD_CLIENTS = 4


class Positive(click.ParamType[float]):
    """A finite number above zero; click's own ranges let NaN and infinity through."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value} is not a finite number above 0.", param, ctx)
        return number


class Named(click.Path):
    """A path that must have a name: an empty one (a variable that is not set) would be taken for
    the current directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("an empty name is not one.", param, ctx)
        return super().convert(value, param, ctx)


class ReportFile(Named):
    """A new file whose ending says in which form a report is written to it: whether it can be
    is known before anything runs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from cachedesk.reports.file import ReportError, check_report

        path = Path(super().convert(value, param, ctx))
        try:
            check_report(path)
        except ReportError as error:
            self.fail(f"{error}.", param, ctx)
        return path


def _inherit(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Take an option from before the command's name when there is none behind it."""
    if value is None and ctx.parent is not None:
        return ctx.parent.params.get(str(param.name))
    return value


def _data(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    named = _inherit(ctx, param, value)
    if named is None and ctx.parent is not None:
        return usual_data()
    # Before the command's name it is known only whether one was named: the command, which may
    # name another, asks for the usual one.
    return named


def _printed(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Refuse an object that nothing could be printed to; it is all that was asked for."""
    if value and sys.stdout is None:
        raise click.UsageError("--json: standard output is closed.", ctx)
    return value


def usual_data() -> Path:
    """Return the data directory that is used where none is named.

    Raises:
        click.UsageError: this user has no home directory.
    """
    found = user_folder()
    if found is None:
        raise click.UsageError("This user has no home directory; name a directory with --data.")
    return found


def user_folder() -> Path | None:
    """Return this user's data folder of cachedesk; ``None`` without a home directory."""
    from platformdirs import user_data_path

    try:
        found = user_data_path("cachedesk", appauthor=False)
    except RuntimeError:
        return None
    # Where there is no home, a tilde stays as it is.
    return found if found.is_absolute() else None


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

data_option: Decorator = click.option(
    "--data",
    type=Named(path_type=Path),
    metavar="DIR",
    callback=_data,
    help="The data directory.  [default: the user's data directory of the platform]",
)
config_option: Decorator = click.option(
    "--config",
    type=Named(path_type=Path),
    metavar="FILE",
    callback=_inherit,
    help="Settings in TOML.  [default: cachedesk.toml in the data directory]",
)
policy_option: Decorator = click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="PATTERN=PATH",
    help="Write keys of this pattern by this path (write-through, write-behind); repeatable.",
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, callback=_printed, help="Print one JSON object."
)

report_option: Decorator = click.option(
    "--report",
    type=ReportFile(path_type=Path),
    metavar="FILE",
    help="Write a report to a new file: .html (one page, opens offline), .md or .json.",
)


def desk_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the desk looks, and whether it may break anything."""
    for option in (
        click.option(
            "--refresh",
            type=click.Choice(["1", "2", "4"]),
            help="How often the desk looks, a second.  [default: 2]",
        ),
        click.option("--theme", default="", metavar="NAME", help="The desk's colours."),
        click.option("--read-only", is_flag=True, help="Watch only: no key breaks or steers."),
    ):
        command = option(command)
    return command


class Speed(click.ParamType[float]):
    """How fast a trace is replayed by its own times: ``real``, ``10x``, or ``max`` (no pace)."""

    name = "speed"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip().lower()
        if text in ("real", "max"):
            return 1.0 if text == "real" else 0.0
        try:
            speed = float(text.removesuffix("x"))
        except ValueError:
            speed = 0.0
        if not (math.isfinite(speed) and speed > 0):
            self.fail(f"{value!r} is no speed; write real, max, or 10x.", param, ctx)
        return speed


class Size(click.ParamType[int]):
    """A size in bytes: 1000, 1kb, 8mb."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        from cachedesk.config import as_size
        from cachedesk.core.errors import ConfigError
        from cachedesk.core.events import MAX_VALUE_BYTES

        text = str(value)
        try:
            size = int(text) if text.isdecimal() else as_size(str(self.name), text)
        except ConfigError as error:
            self.fail(f"{error}.", param, ctx)
        if not isinstance(size, int) or not 0 < size <= MAX_VALUE_BYTES:
            self.fail(f"{text} is not 1 to {MAX_VALUE_BYTES:,} bytes.", param, ctx)
        return size


TRACE_FORMATS = (
    "csv", "jsonl", "redis-monitor", "twitter", "access-log", "keys", "dump", "ycsb"
)  # fmt: skip


def trace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which traffic, and how it is read."""
    for option in (
        click.option(
            "--writes",
            type=click.FloatRange(0, 1),
            default=0.0,
            metavar="SHARE",
            help="Of a trace of keys, make this share increments.  [default: 0, all are reads]",
        ),
        click.option(
            "--skip-bad", is_flag=True, help="Count malformed lines of a trace, and go on."
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(TRACE_FORMATS),
            help="What the trace is; keys is any list of keys, dump what dump printed."
            "  [default: as its content says]",
        ),
        click.option(
            "--trace",
            type=Named(path_type=Path, allow_dash=True),
            metavar="FILE",
            help="Recorded traffic, plain, gzip, bzip2 or xz; - is standard input. It ends with the"
            " file. CSV (op,key,value), JSON lines, what redis-cli MONITOR prints, Twitter's"
            " traces, an access log, keys one a line, or a workload of YCSB.",
        ),
        click.option(
            "--keys",
            type=click.IntRange(1, 10_000_000),
            metavar="N",
            help="How many keys a workload has.  [default: as usual for it]",
        ),
        click.option(
            "--workload",
            metavar="NAME",
            help="Made-up traffic: article, ycsb-a to ycsb-f, twitter-22, twitter-52."
            "  [default: article]",
        ),
    ):
        command = option(command)
    return command


speed_option: Decorator = click.option(
    "--speed",
    type=Speed(),
    metavar="SPEED",
    help="Replay a trace by its own times: real, or 10x; a pause over a minute is cut to one."
    "  [default: max, as fast as it goes]",
)
fill_option: Decorator = click.option(
    "--fill",
    type=Size(),
    metavar="SIZE",
    help="A key that a read does not find is set to a value of this size (1kb), as an application"
    " would from a source of its own.",
)


def without_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which safeguards are off from the start."""
    return click.option(
        "--without",
        multiple=True,
        type=click.Choice(["log", "read_repair", "effectively_once", "cold_restart"]),
        help="Switch this safeguard off, to see what it is there for; repeatable.",
    )(command)


seed_option: Decorator = click.option(
    "--seed", type=int, default=1, show_default=True, help="What the workload is drawn from."
)
clients_option: Decorator = click.option(
    "--clients",
    type=click.IntRange(1, 256),
    metavar="N",
    help=f"How many threads drive it.  [default: {WORKLOAD_CLIENTS}; 1 for a trace]",
)
