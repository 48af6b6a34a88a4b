"""The command ``cachedesk run``, as those of ``cli``: it reads its options, calls the lab, and
prints."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from cachedesk.cli.options import (
    WORKLOAD_CLIENTS,
    Named,
    Positive,
    clients_option,
    config_option,
    data_option,
    fill_option,
    json_option,
    policy_option,
    report_option,
    seed_option,
    speed_option,
    trace_options,
    without_option,
)
from cachedesk.cli.resolve import (
    announce_format,
    chosen_failpoints,
    chosen_safeguards,
    chosen_settings,
    chosen_traffic,
    refuse_mixed_traffic,
)
from cachedesk.console.output import has_bar, print_incomplete, print_json, print_text

RUN_SECONDS = 10.0


@click.command()
@trace_options
@speed_option
@fill_option
@click.option("--ops", type=click.IntRange(1), metavar="N", help="End after N operations.")
@click.option(
    "--seconds",
    type=Positive(),
    metavar="S",
    help=f"End after S seconds.  [default for a workload without --ops: {RUN_SECONDS:g}]",
)
@click.option(
    "--rate",
    type=Positive(),
    metavar="R",
    help="Operations a second.  [default: as fast as it goes]",
)
@seed_option
@clients_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME@WHEN[+FOR]",
    help="Break something: redis.kill@5s, worker.crash@10000ops, database.lock@4s+2s (for two"
    " seconds); repeatable. What lasts is healed before the drain. Faults: redis.kill, redis.down,"
    " redis.hang, redis.empty, redis.old_snapshot, redis.squeeze, worker.crash[:FAILPOINT],"
    " database.lock, database.full, database.readonly, database.slow[:500ms], database.gone,"
    " log.full, log.poison, process.kill (ends the run without a verdict; torture judges kills).",
)
@click.option(
    "--record",
    type=Named(path_type=Path),
    metavar="FILE",
    help='Record the run to a new file, for "cachedesk replay".',
)
@report_option
@without_option
@click.option("--no-ledger", is_flag=True, help="Judge nothing, and have all of the machine.")
@policy_option
@json_option
@click.option("--stat", is_flag=True, help="Print a line a second, as redis-cli --stat does.")
@data_option
@config_option
@click.pass_context
def run(
    ctx: click.Context,
    *,
    workload: str | None,
    keys: int | None,
    trace: Path | None,
    form: str | None,
    skip_bad: bool,
    writes: float,
    speed: float | None,
    fill: int | None,
    ops: int | None,
    seconds: float | None,
    rate: float | None,
    seed: int,
    clients: int | None,
    faults: tuple[str, ...],
    record: Path | None,
    report: Path | None,
    without: tuple[str, ...],
    no_ledger: bool,
    policies: tuple[str, ...],
    as_json: bool,
    stat: bool,
    data: Path,
    config: Path | None,
) -> None:
    """Drive the stack without a screen, drain it, and judge what became of every write.

    Exit status: 0 every promise was kept and all was done, 1 a promise was broken or the run is
    incomplete (a fault did not strike), 2 bad usage or bad files, a trace too that could not be
    read to its end.
    """
    refuse_mixed_traffic(
        workload=workload,
        keys=keys,
        trace=trace,
        form=form,
        skip_bad=skip_bad,
        writes=writes,
        speed=speed,
        paced=bool(rate),
    )
    if as_json and stat:
        raise click.UsageError("--json and --stat exclude each other.")
    from cachedesk.core.eviction_policies import NOEVICTION_WARNING
    from cachedesk.lab.judge.null_ledger import NullLedger
    from cachedesk.lab.load.driver import Load
    from cachedesk.lab.run import watch
    from cachedesk.lab.run.runs import run_session
    from cachedesk.lab.run.schedule import planned

    settings = chosen_settings(data, config, policies)
    if settings.redis.eviction_policy == "noeviction":
        click.echo(f"cachedesk: {NOEVICTION_WARNING}", err=True)
    plan = [planned(fault) for fault in faults]
    if any(fault.name == "process.kill" for fault in plan):
        click.echo(
            "cachedesk: process.kill ends this run without a verdict; then look at what was kept"
            ' with "cachedesk dump", or have "cachedesk torture" kill and judge.',
            err=True,
        )
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
    if trace is None and not ops:
        seconds = seconds or RUN_SECONDS
    if report is not None:
        from cachedesk.reports.file import check_outside

        check_outside(report, data)
    load = Load(clients or (1 if trace else WORKLOAD_CLIENTS), rate, ops, seconds)
    show: watch.Watch = watch.wait
    if stat:
        show = watch.stat
    elif has_bar():
        from cachedesk.lab.run.bar import bar

        show = bar(expected, seconds)
    outcome = run_session(
        data,
        settings,
        traffic,
        load,
        faults=plan,
        watch=show,
        record=record,
        safeguards=chosen_safeguards(without),
        ledger=NullLedger() if no_ledger else None,
        failpoints=chosen_failpoints(),
        announce=partial(announce_format, traffic, quiet=as_json),
    )
    if as_json:
        print_json(outcome.report.as_json())
    else:
        print_text("\n".join(outcome.report.lines()))
    print_incomplete(outcome.report.missing)
    if report is not None:
        from cachedesk.reports.file import publish
        from cachedesk.reports.origin import origin
        from cachedesk.reports.run import run_paper

        publish(report, run_paper(outcome.report, origin(sys.argv[1:], seed)))
    ctx.exit(outcome.exit_code)
