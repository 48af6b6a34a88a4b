"""``cachedesk compare``: several settings on the same traffic, and one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from cachedesk.cli.options import config_option, json_option, policy_option, report_option
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.cli.traffic import TrafficOptions, announce_format, traffic_options
from cachedesk.console.output import has_bar, print_json, print_text

WORKLOAD_OPS = 50_000


@click.command()
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="NAME=V1,V2",
    help="Setting to vary; repeatable, all combinations are run. maxmemory=8mb,32mb;"
    " eviction=allkeys-lru,allkeys-lfu; policy=write-through,write-behind (one path for all keys);"
    " batch=100,1000; batch_age=0.1,1; clients=1,8; rate=500,5000; or any setting by name,"
    " worker.max_attempts=1,5.",
)
@traffic_options(
    ops=f"End each run after N operations.  [default for a workload: {WORKLOAD_OPS:,}]",
    faults='Inject a fault in each run, as for "run"; after a number of operations (@10000ops) it'
    " strikes each run at the same place.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Repeat all runs N times, interleaved, and print medians.",
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
    traffic: TrafficOptions,
    rounds: int,
    policies: tuple[str, ...],
    report: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Run several settings one after another on the same traffic, and print one table.

    Each run has a fresh data directory, which is removed afterwards.

    Exit status: 0 every run kept every promise and was complete; 1 a run did not, or was not; 2
    bad usage or bad files, including a trace that could not be read to its end.
    """
    if str(traffic.trace) == "-":
        raise click.UsageError("--trace: each run reads the trace again; name a file, not -.")
    traffic.check(paced=any(text.partition("=")[0].strip() == "rate" for text in varied))
    from cachedesk.config import load, with_policies
    from cachedesk.core.settings import Settings
    from cachedesk.lab.compare.comparing import compare as run_all
    from cachedesk.lab.compare.comparison_table import as_json as as_object
    from cachedesk.lab.compare.comparison_table import lines
    from cachedesk.lab.compare.varying import variants
    from cachedesk.lab.run import watch

    settings = with_policies(load(Path(), config) if config else Settings(), policies)
    plan = traffic.plan()
    if traffic.trace is None and not traffic.ops:
        traffic = replace(traffic, ops=WORKLOAD_OPS)
    made = variants(varied, settings, traffic.load())
    source, expected = traffic.source()

    def announce(title: str) -> watch.Watch:
        if not has_bar():
            return watch.wait
        from cachedesk.lab.run.bar import bar

        click.echo(title, err=True)
        return bar(expected, None)

    announce_format(source, quiet=as_json)
    found = run_all(
        made, source, plan, announce, rounds=rounds, failpoints=environment_failpoints()
    )
    if as_json:
        print_json(as_object(found))
    else:
        print_text("\n".join(lines(found)))
    if report is not None:
        from cachedesk.reports.comparison import comparison_document
        from cachedesk.reports.file import write_report
        from cachedesk.reports.origin import origin

        write_report(report, comparison_document(found, origin(sys.argv[1:], traffic.seed)))
    ctx.exit(found.exit_code)
