"""The commands of ``cachedesk dead``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import config_option, data_option, json_option
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.console.output import print_json, print_text

if TYPE_CHECKING:
    from cachedesk.admin.dead_letters import Actions

_SEQ = click.IntRange(1, 2**63 - 1)
_seqs = click.argument("seqs", metavar="[SEQ]...", nargs=-1, type=_SEQ)
_all = click.option("--all", "everything", is_flag=True, help="All current dead letters.")


@click.group()
@data_option
@config_option
def dead(data: Path, config: Path | None) -> None:
    """Accepted writes that could not be applied, and why: list, replay or drop them.

    For a data directory that is not in use; from a program, use the library.
    """


@dead.command(name="list")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="At most."
)
@json_option
@data_option
def list_(limit: int, as_json: bool, data: Path) -> None:
    """List the dead letters, oldest first."""
    from cachedesk.admin.dead_letters import letter_as_json, listed, table

    letters, total = listed(data, limit)
    if as_json:
        print_json({"dead": [letter_as_json(letter) for letter in letters], "total": total})
    else:
        print_text("\n".join(table(letters, total)))


@dead.command()
@click.argument("seq", type=_SEQ)
@json_option
@data_option
@click.pass_context
def show(ctx: click.Context, seq: int, as_json: bool, data: Path) -> None:
    """Show one dead letter.

    Exit status: 1 if there is no such letter.
    """
    from cachedesk.admin.dead_letters import found, letter_as_json, page
    from cachedesk.core.errors import NoDeadLetter

    try:
        letter = found(data, seq)
    except NoDeadLetter as error:
        click.echo(f"cachedesk: {error} in {data}", err=True)
        ctx.exit(1)
    if as_json:
        print_json(letter_as_json(letter))
    else:
        print_text("\n".join(page(letter)))


@dead.command()
@_seqs
@_all
@json_option
@data_option
@config_option
@click.pass_context
def replay(
    ctx: click.Context,
    *,
    seqs: tuple[int, ...],
    everything: bool,
    as_json: bool,
    data: Path,
    config: Path | None,
) -> None:
    """Apply dead letters, each as a new write to the current value of its key.

    Exit status: 1 if one was refused again, or does not exist; the others are applied.
    """
    from cachedesk.admin.dead_letters import replay
    from cachedesk.config import load

    _print_actions(
        ctx,
        replay(data, load(data, config), _chosen(seqs, everything), environment_failpoints()),
        as_json,
    )


@dead.command()
@_seqs
@_all
@json_option
@data_option
@config_option
@click.pass_context
def drop(
    ctx: click.Context,
    *,
    seqs: tuple[int, ...],
    everything: bool,
    as_json: bool,
    data: Path,
    config: Path | None,
) -> None:
    """Remove dead letters for good: their writes are lost.

    Exit status: 1 if one does not exist; the others are dropped.
    """
    from cachedesk.admin.dead_letters import drop
    from cachedesk.config import load

    _print_actions(
        ctx,
        drop(data, load(data, config), _chosen(seqs, everything), environment_failpoints()),
        as_json,
    )


def _chosen(seqs: tuple[int, ...], everything: bool) -> tuple[int, ...] | None:
    if everything == bool(seqs):
        raise click.UsageError("Give the SEQ of each letter, or --all.")
    return seqs or None


def _print_actions(ctx: click.Context, actions: Actions, as_json: bool) -> None:
    if as_json:
        print_json(actions.as_json())
    else:
        for line in actions.lines():
            print_text(line)
        for failure in actions.failures():
            click.echo(f"cachedesk: {failure}", err=True)
        if not actions.actions:
            print_text("There are no dead letters.")
    ctx.exit(actions.exit_code)
