"""``cachedesk --versus``: two stacks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import DeskOptions, StackOptions, user_folder
from cachedesk.cli.resolve import safeguards_without
from cachedesk.console.output import is_served

if TYPE_CHECKING:
    from cachedesk.lab.versus.repeated_trace import RepeatedTrace


def run_versus(
    texts: tuple[str, ...],
    stack: StackOptions,
    desk: DeskOptions,
    without: tuple[str, ...],
    traffic: tuple[str, int, int, float],
    *,
    trace: Path | None,
) -> int:
    """Open two stacks side by side, and return the exit status.

    Args:
        texts: what distinguishes them, each ``NAME=VALUE``.
        stack: the settings that both start from.
        desk: how the desk looks.
        without: the safeguards that are off on both sides.
        traffic: the workload, its seed, the clients of each side, and the rate.
        trace: recorded traffic instead of the workload.

    Raises:
        click.UsageError: a data directory is named, or the trace is a pipe.
        CachedeskError: a difference is invalid, or a side cannot be opened.
    """
    if stack.data is not None:
        raise click.UsageError(
            "--versus excludes --data: each side has a fresh directory, which is removed."
        )
    from cachedesk.config import load, with_policies
    from cachedesk.core.settings import Settings
    from cachedesk.desk.modes.versus import open_versus
    from cachedesk.desk.terminal.parent import run_under_parent
    from cachedesk.lab.load.driver import Load
    from cachedesk.lab.load.traffic import WorkloadTraffic
    from cachedesk.lab.versus.pair import Pair
    from cachedesk.lab.versus.sides import sides

    settings = load(Path(), stack.config) if stack.config else Settings()
    setups = sides(texts, with_policies(settings, stack.policies), safeguards_without(without))
    workload, seed, clients, rate = traffic
    source = WorkloadTraffic(workload, seed) if trace is None else _repeated(trace)
    appearance = desk.appearance(stack)

    def show(notice: str) -> int:
        return open_versus(Pair(setups, source, Load(clients, rate)), appearance, user_folder())

    return show("") if is_served() else run_under_parent(show, again=False)


def _repeated(path: Path) -> RepeatedTrace:
    from cachedesk.lab.trace import ReadOptions, check
    from cachedesk.lab.trace.stream import STDIN
    from cachedesk.lab.versus.repeated_trace import RepeatedTrace

    if path == STDIN:
        raise click.UsageError("--versus reads a trace again and again, so it must be a file.")
    return RepeatedTrace(check(path, ReadOptions()))
