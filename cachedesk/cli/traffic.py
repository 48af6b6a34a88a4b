"""The options that describe traffic, shared by ``run`` and ``compare``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cachedesk.cli.options import (
    WORKLOAD_CLIENTS,
    NonEmptyPath,
    PositiveFloat,
    clients_option,
    grouped,
    seed_option,
)
from cachedesk.console.output import has_bar, print_text

if TYPE_CHECKING:
    from cachedesk.lab.load.driver import Load
    from cachedesk.lab.run.schedule import PlannedFault
    from cachedesk.lab.run.session import Traffic

TRACE_FORMATS = (
    "csv", "jsonl", "redis-monitor", "twitter", "access-log", "keys", "dump", "ycsb"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrafficOptions:
    """The traffic that a command's options describe; ``None`` if an option was not given.

    Attributes:
        workload: generated traffic, by name, over ``keys`` keys.
        trace: recorded traffic, in the format ``form``, instead of a workload.
        skip_bad: count malformed lines of the trace instead of refusing it.
        writes: the share of increments, 0 to 1, in a trace of keys only.
        speed: how many times as fast as recorded; 0 for no pace.
        fill: the size in bytes of the value that a missed read sets.
        ops: operations after which it ends.
        rate: operations per second.
        clients: threads that issue operations.
        faults: the faults to inject, each ``NAME@WHEN[+FOR]``.
    """

    workload: str | None
    keys: int | None
    trace: Path | None
    form: str | None
    skip_bad: bool
    writes: float
    speed: float | None
    fill: int | None
    ops: int | None
    rate: float | None
    seed: int
    clients: int | None
    faults: tuple[str, ...]

    def check(self, *, paced: bool = False) -> None:
        """Refuse options that name two kinds of traffic, or two rates.

        Args:
            paced: another option sets the rate.

        Raises:
            click.UsageError: two options exclude each other.
        """
        if not self.trace and (self.form or self.skip_bad or self.writes):
            option = "--format" if self.form else "--skip-bad" if self.skip_bad else "--writes"
            raise click.UsageError(f"{option} needs a trace; name one with --trace.")
        if self.trace and (self.workload or self.keys):
            raise click.UsageError("--trace excludes --workload and --keys.")
        if self.speed and (paced or self.rate or not self.trace):
            raise click.UsageError("--speed needs --trace, and excludes --rate.")

    def load(self, seconds: float | None = None) -> Load:
        """Return the load: clients, rate and end."""
        from cachedesk.lab.load.driver import Load

        clients = self.clients or (1 if self.trace else WORKLOAD_CLIENTS)
        return Load(clients, self.rate, self.ops, seconds)

    def plan(self) -> list[PlannedFault]:
        """Return the faults to inject.

        Raises:
            ConfigError: there is no such fault, or its time or argument is invalid.
        """
        from cachedesk.lab.run.schedule import planned

        return [planned(fault) for fault in self.faults]

    def source(self) -> tuple[Traffic, int | None]:
        """Return the traffic, and its number of operations if that is known.

        A trace that can be read twice is read to its end here, before anything is opened.

        Raises:
            CachedeskError: there is no such workload, or the trace cannot be read.
        """
        from cachedesk.lab.load.traffic import TraceTraffic, WorkloadTraffic
        from cachedesk.lab.trace import ReadOptions, check

        fill = self.fill or 0
        if self.trace is None:
            workload = self.workload or "article"
            return WorkloadTraffic(workload, self.seed, self.keys, fill), self.ops
        checked = check(
            self.trace, ReadOptions(self.form or "", self.skip_bad, self.writes, self.seed)
        )
        expected = min(filter(None, (self.ops, checked.operations)), default=None)
        return TraceTraffic(checked, self.speed or None, fill), expected


def announce_format(traffic: Traffic, *, quiet: bool) -> None:
    """Print the format of a trace before the run, so that a wrong guess is seen at once.

    Args:
        traffic: a trace, or a workload, which has no format.
        quiet: standard output is for the result alone; print to a terminal's standard error.
    """
    from cachedesk.lab.load.traffic import TraceTraffic

    if not isinstance(traffic, TraceTraffic):
        return
    if not quiet:
        print_text(traffic.form_line)
    elif has_bar():
        click.echo(traffic.form_line, err=True)


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
            self.fail(f"{value!r} is not a speed; write real, max or 10x.", param, ctx)
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


class _ListsFaults(click.Option):
    """An option whose help ends with the names of all faults.

    The catalog is imported only when that help is shown: it takes as long as all the rest.
    """

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from cachedesk.stack.fault_catalog import NAMES

        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]} Faults: {', '.join(NAMES)}.")


def traffic_options(
    *, ops: str, faults: str, list_faults: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the argument ``traffic: TrafficOptions`` and its options.

    Args:
        ops: the help of ``--ops``.
        faults: the help of ``--fault``.
        list_faults: name all faults in that help.
    """
    return grouped(
        "traffic",
        TrafficOptions,
        click.option(
            "--workload",
            metavar="NAME",
            help="Generated traffic: article, ycsb-a to ycsb-f, twitter-22, twitter-52."
            "  [default: article]",
        ),
        click.option(
            "--keys",
            type=click.IntRange(1, 10_000_000),
            metavar="N",
            help="Number of keys in the workload.  [default: depends on the workload]",
        ),
        click.option(
            "--trace",
            type=NonEmptyPath(path_type=Path, allow_dash=True),
            metavar="FILE",
            help="Recorded traffic, plain, gzip, bzip2 or xz; - is standard input. The run ends"
            " with the file. CSV (op,key,value), JSON lines, output of redis-cli MONITOR,"
            " Twitter's cache traces, an access log, one key per line, or a YCSB workload.",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(TRACE_FORMATS),
            help='Format of the trace; "keys" is any list of keys, "dump" the output of'
            ' "cachedesk dump".  [default: detected from its content]',
        ),
        click.option(
            "--skip-bad", is_flag=True, help="Count malformed lines of the trace and go on."
        ),
        click.option(
            "--writes",
            type=click.FloatRange(0, 1),
            default=0.0,
            metavar="SHARE",
            help="Share of increments in a trace of keys.  [default: 0, reads only]",
        ),
        click.option(
            "--speed",
            type=Speed(),
            metavar="SPEED",
            help="Replay a trace by its timestamps: real, or 10x; a pause of more than a minute is"
            " cut to one minute.  [default: max, as fast as possible]",
        ),
        click.option(
            "--fill",
            type=Size(),
            metavar="SIZE",
            help="After a read that finds nothing, set the key to a value of this size (1kb), as"
            " an application does that loads it from elsewhere.",
        ),
        click.option("--ops", type=click.IntRange(1), metavar="N", help=ops),
        click.option(
            "--rate",
            type=PositiveFloat(),
            metavar="R",
            help="Operations per second.  [default: as fast as possible]",
        ),
        seed_option,
        clients_option,
        click.option(
            "--fault",
            "faults",
            multiple=True,
            metavar="NAME@WHEN[+FOR]",
            cls=_ListsFaults if list_faults else click.Option,
            help=faults,
        ),
    )
