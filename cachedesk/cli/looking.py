"""``cachedesk explain`` and ``cachedesk verify``: read-only reports on a data directory."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cachedesk.cli.options import config_option, data_option, json_option
from cachedesk.console.output import print_json, print_text


@click.command()
@click.argument("key")
@json_option
@data_option
@config_option
@click.pass_context
def explain(ctx: click.Context, key: str, as_json: bool, data: Path, config: Path | None) -> None:
    """Show what the row and the log hold for KEY, what a read would return, and why.

    For a data directory that is not in use; from a program, use cache.explain(key).

    Exit status: 1 if the key is absent, 2 if its row cannot be read.
    """
    from cachedesk.admin.explaining import explain, report_as_json
    from cachedesk.config import load
    from cachedesk.core.events import as_key

    report = explain(data, load(data, config), as_key(os.fsencode(key)))
    if as_json:
        print_json(report_as_json(report))
    else:
        print_text(str(report))
    if not report.truth.known:
        ctx.exit(2)
    ctx.exit(1 if report.truth.value is None else 0)


@click.command()
@json_option
@data_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool, data: Path) -> None:
    """Check a data directory that is not in use completely; no byte of it changes.

    It checks both SQLite files, every record of the log, the rows, the dead letters, and whether
    they belong together. After an unclean shutdown it reads copies of the files, in the temporary
    directory.

    Exit status: 1 if something is wrong; each line says what, and what to do.
    """
    from cachedesk.admin.verifying import verification_as_json, verification_lines
    from cachedesk.stores.embedded.verification import verify

    found = verify(data)
    if as_json:
        print_json(verification_as_json(found))
    else:
        print_text("\n".join(verification_lines(found)))
    ctx.exit(1 if found.findings else 0)
