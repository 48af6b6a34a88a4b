"""``cachedesk bench``: the speed table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cachedesk.cli.options import json_option, report_option
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.console.output import has_bar, print_json, print_text


@click.command()
@click.option("--quick", is_flag=True, help="Take half a minute, with less precision.")
@report_option
@json_option
def bench(*, quick: bool, report: Path | None, as_json: bool) -> None:
    """Measure the layer against the bare engines under it, and against the usual alternatives.

    All do the same durable work in turns, in one run. The peers huey and diskcache take part
    when they are installed (pip install 'cachedesk[bench]').

    Exit status: 0 even if an aim was missed; the table shows that.
    """
    if environment_failpoints():
        raise click.UsageError("CACHEDESK_FAILPOINTS is set; unset it to measure.")
    from cachedesk.lab.bench.bench import bench as measure
    from cachedesk.lab.bench.bench_table import as_json as as_object
    from cachedesk.lab.bench.bench_table import lines
    from cachedesk.lab.bench.machine import in_a_line, machine, warning
    from cachedesk.lab.bench.progress import bar, silent
    from cachedesk.lab.bench.rounds import FULL, QUICK

    here = machine()
    with bar() if has_bar() else silent() as announce:
        found = measure(QUICK if quick else FULL, announce)
    if as_json:
        print_json(as_object(found, here))
    else:
        print_text("\n".join((*lines(found), in_a_line(here), *filter(None, [warning(here)]))))
    if report is not None:
        from cachedesk.reports.bench import bench_document
        from cachedesk.reports.file import write_report
        from cachedesk.reports.origin import origin

        write_report(report, bench_document(found, here, origin(sys.argv[1:], None)))
