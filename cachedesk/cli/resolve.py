"""What several commands choose by their options. Heavy parts are imported where they are used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedesk.core.safeguards import Safeguards
    from cachedesk.core.settings import Settings
    from cachedesk.lab.run.session import Traffic


def chosen_settings(data: Path, config: Path | None, policies: tuple[str, ...]) -> Settings:
    """Return the settings of a stack in ``data``; arguments and errors as ``config.load`` and
    ``config.with_policies``."""
    from cachedesk.config import load, with_policies

    return with_policies(load(data, config), policies)


def chosen_failpoints() -> str:
    """Return the failpoints that ``CACHEDESK_FAILPOINTS`` arms, as ``point=terms;…``.

    Raises:
        ConfigError: it cannot be read.
    """
    from cachedesk.core.failpoints import Failpoints

    text = os.environ.get("CACHEDESK_FAILPOINTS", "")
    Failpoints(text)
    return text


def chosen_safeguards(without: tuple[str, ...]) -> Safeguards:
    """Return all safeguards but those in ``without``."""
    from cachedesk.core.safeguards import Safeguards

    return Safeguards(**dict.fromkeys(without, False))


def chosen_traffic(
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
    seed: int,
) -> tuple[Traffic, int | None]:
    """Return the traffic, and how many operations it will be, if that is known.

    A trace is read to its end here, where it can be read twice, before anything is opened;
    errors as ``trace.check``.
    """
    from cachedesk.lab.load.traffic import TraceTraffic, WorkloadTraffic
    from cachedesk.lab.trace import Ways, check

    if trace is None:
        return WorkloadTraffic(workload or "article", seed, keys, fill or 0), ops
    checked = check(trace, Ways(form or "", skip_bad, writes, seed))
    expected = min(filter(None, (ops, checked.operations)), default=None)
    return TraceTraffic(checked, speed or None, fill or 0), expected


def refuse_mixed_traffic(
    *,
    workload: str | None,
    keys: int | None,
    trace: Path | None,
    form: str | None,
    skip_bad: bool,
    writes: float,
    speed: float | None,
    paced: bool,
) -> None:
    """Raise ``UsageError`` where options name two kinds of traffic, or two paces."""
    import click

    if not trace and (form or skip_bad or writes):
        named = "--format" if form else "--skip-bad" if skip_bad else "--writes"
        raise click.UsageError(f"{named} is for a trace; name one with --trace.")
    if trace and (workload or keys):
        raise click.UsageError("--trace excludes --workload and --keys.")
    if speed and (paced or not trace):
        raise click.UsageError("--speed is for a trace, and excludes --rate.")


def announce_format(traffic: Traffic, *, quiet: bool) -> None:
    """Print which format a trace has, before the run, so that a wrong one is seen at once. With
    ``quiet`` only a terminal is told: standard output is for the result alone."""
    from cachedesk.console.output import has_bar, print_text
    from cachedesk.lab.load.traffic import TraceTraffic

    if not isinstance(traffic, TraceTraffic):
        return
    line = traffic.form_line
    if not quiet:
        print_text(line)
    elif has_bar():
        import click

        click.echo(line, err=True)
