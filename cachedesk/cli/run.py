"""``cachedesk run``: drive the stack without a screen, and judge the outcome."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from cachedesk.cli.options import (
    NonEmptyPath,
    PositiveFloat,
    StackOptions,
    json_option,
    report_option,
    stack_options,
    without_option,
)
from cachedesk.cli.resolve import environment_failpoints, safeguards_without
from cachedesk.cli.traffic import TrafficOptions, announce_format, traffic_options
from cachedesk.console.output import has_bar, print_incomplete, print_json, print_text

RUN_SECONDS = 10.0


@click.command()
@traffic_options(
    ops="End after N operations.",
    faults="Inject a fault: redis.kill@5s, worker.crash@10000ops, database.lock@4s+2s (for two"
    " seconds), worker.crash:worker.ack.before@5s, database.slow:500ms@3s; repeatable. Lasting"
    " faults are healed before the drain. process.kill ends the run without a verdict;"
    ' "cachedesk torture" judges kills.',
    list_faults=True,
)
@click.option(
    "--seconds",
    type=PositiveFloat(),
    metavar="S",
    help=f"End after S seconds.  [default for a workload without --ops: {RUN_SECONDS:g}]",
)
@click.option(
    "--record",
    type=NonEmptyPath(path_type=Path),
    metavar="FILE",
    help='Record the run to a new file, for "cachedesk replay".',
)
@report_option
@without_option
@click.option("--no-ledger", is_flag=True, help="Disable verification (maximum throughput).")
@json_option
@click.option("--stat", is_flag=True, help="Print one line per second, like redis-cli --stat.")
@stack_options
@click.pass_context
def run(
    ctx: click.Context,
    *,
    traffic: TrafficOptions,
    stack: StackOptions,
    seconds: float | None,
    record: Path | None,
    report: Path | None,
    without: tuple[str, ...],
    no_ledger: bool,
    as_json: bool,
    stat: bool,
) -> None:
    """Drive the stack without a screen, drain it, and check the outcome of every write.

    Exit status: 0 every promise was kept and the run is complete; 1 a promise was broken or the
    run is incomplete (a fault had no effect); 2 bad usage or bad files, including a trace that
    could not be read to its end.
    """
    traffic.check()
    if as_json and stat:
        raise click.UsageError("--json and --stat exclude each other.")
    from cachedesk.core.eviction_policies import eviction_warning
    from cachedesk.lab.judge.null_ledger import NullLedger
    from cachedesk.lab.run import watch
    from cachedesk.lab.run.runs import run_session

    data, settings = stack.directory, stack.settings()
    if warning := eviction_warning(settings.redis.eviction_policy):
        click.echo(f"cachedesk: {warning}", err=True)
    plan = traffic.plan()
    if any(fault.name == "process.kill" for fault in plan):
        click.echo(
            "cachedesk: process.kill ends this run without a verdict; inspect what was kept with"
            ' "cachedesk dump", or let "cachedesk torture" kill and judge.',
            err=True,
        )
    source, expected = traffic.source()
    if traffic.trace is None and not traffic.ops:
        seconds = seconds or RUN_SECONDS
    if report is not None:
        from cachedesk.reports.file import check_outside

        check_outside(report, data)
    show: watch.Watch = watch.wait
    if stat:
        show = watch.stat
    elif has_bar():
        from cachedesk.lab.run.bar import bar

        show = bar(expected, seconds)
    outcome = run_session(
        data,
        settings,
        source,
        traffic.load(seconds),
        faults=plan,
        watch=show,
        record=record,
        safeguards=safeguards_without(without),
        ledger=NullLedger() if no_ledger else None,
        failpoints=environment_failpoints(),
        announce=partial(announce_format, source, quiet=as_json),
    )
    if as_json:
        print_json(outcome.report.as_json())
    else:
        print_text("\n".join(outcome.report.lines()))
    print_incomplete(outcome.report.missing)
    if report is not None:
        from cachedesk.reports.file import write_report
        from cachedesk.reports.origin import origin
        from cachedesk.reports.run import run_document

        write_report(report, run_document(outcome.report, origin(sys.argv[1:], traffic.seed)))
    ctx.exit(outcome.exit_code)
