"""``cachedesk compare``: what if the settings were others, on the same traffic."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cachedesk.cli.options import (
    WORKLOAD_CLIENTS,
    Positive,
    clients_option,
    config_option,
    fill_option,
    json_option,
    policy_option,
    report_option,
    seed_option,
    speed_option,
    trace_options,
)
from cachedesk.cli.resolve import (
    announce_format,
    chosen_failpoints,
    chosen_traffic,
    refuse_mixed_traffic,
)
from cachedesk.console.output import has_bar, print_json, print_text

WORKLOAD_OPS = 50_000


@click.command()
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="NAME=V1,V2",
    help="What to vary; repeatable, and all combinations are run. maxmemory=8mb,32mb;"
    " eviction=allkeys-lru,allkeys-lfu; policy=write-through,write-behind (one path for all keys);"
    " batch=100,1000; batch_age=0.1,1; clients=1,8; rate=500,5000; or any setting by its name,"
    " worker.max_attempts=1,5.",
)
@trace_options
@speed_option
@fill_option
@click.option(
    "--ops",
    type=click.IntRange(1),
    metavar="N",
    help=f"End each run after N operations.  [default for a workload: {WORKLOAD_OPS:,}]",
)
@click.option("--rate", type=Positive(), metavar="R", help="Operations a second.")
@seed_option
@clients_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME@WHEN",
    help='Break something in each run, as for "run"; after a number of operations (@10000ops) it'
    " strikes each run at the same place.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Run all of them N times, interleaved, and print medians.",
)
@policy_option
@report_option
@json_option
@config_option
@click.pass_context
def compare(
    ctx: click.Context,
    *,
    varied: tuple[str, ...],
    workload: str | None,
    keys: int | None,
    trace: Path | None,
    form: str | None,
    skip_bad: bool,
    writes: float,
    speed: float | None,
    fill: int | None,
    ops: int | None,
    rate: float | None,
    seed: int,
    clients: int | None,
    faults: tuple[str, ...],
    rounds: int,
    policies: tuple[str, ...],
    report: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Run several settings one after another on the same traffic, and print one table.

    Each run has a fresh data directory, which is removed afterwards.

    Exit status: 0 every run kept every promise and was complete, 1 one was not, 2 bad usage or bad
    files, a trace too that could not be read to its end.
    """
    if trace is not None and str(trace) == "-":
        raise click.UsageError("--trace: a comparison reads its traffic for each run; name a file.")
    paced = rate or any(text.partition("=")[0].strip() == "rate" for text in varied)
    refuse_mixed_traffic(
        workload=workload,
        keys=keys,
        trace=trace,
        form=form,
        skip_bad=skip_bad,
        writes=writes,
        speed=speed,
        paced=bool(paced),
    )
    from cachedesk.config import load, with_policies
    from cachedesk.core.settings import Settings
    from cachedesk.lab.compare.comparing import compare as run_all
    from cachedesk.lab.compare.table import as_json as as_object
    from cachedesk.lab.compare.table import lines
    from cachedesk.lab.compare.varying import variants
    from cachedesk.lab.load.driver import Load
    from cachedesk.lab.run import watch
    from cachedesk.lab.run.schedule import planned

    settings = with_policies(load(Path(), config) if config else Settings(), policies)
    clients = clients or (1 if trace else WORKLOAD_CLIENTS)
    plan = [planned(fault) for fault in faults]
    if trace is None:
        ops = ops or WORKLOAD_OPS
    made = variants(varied, settings, Load(clients, rate, ops))
    traffic, expected = chosen_traffic(
        workload=workload,
        keys=keys,
        trace=trace,
        form=form,
        skip_bad=skip_bad,
        writes=writes,
        speed=speed,
        fill=fill,
        ops=ops,
        seed=seed,
    )

    def announce(title: str) -> watch.Watch:
        if not has_bar():
            return watch.wait
        from cachedesk.lab.run.bar import bar

        click.echo(title, err=True)
        return bar(expected, None)

    announce_format(traffic, quiet=as_json)
    found = run_all(made, traffic, plan, announce, rounds=rounds, failpoints=chosen_failpoints())
    if as_json:
        print_json(as_object(found))
    else:
        print_text("\n".join(lines(found)))
    if report is not None:
        from cachedesk.reports.comparison import comparison_paper
        from cachedesk.reports.file import publish
        from cachedesk.reports.origin import origin

        publish(report, comparison_paper(found, origin(sys.argv[1:], seed)))
    ctx.exit(found.exit_code)
