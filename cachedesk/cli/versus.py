"""``cachedesk --versus``: two stacks side by side."""

from __future__ import annotations

from pathlib import Path

import click

from cachedesk.cli.options import DeskOptions, StackOptions, user_folder
from cachedesk.cli.resolve import safeguards_without
from cachedesk.console.output import is_served


def run_versus(
    texts: tuple[str, ...],
    stack: StackOptions,
    desk: DeskOptions,
    without: tuple[str, ...],
    traffic: tuple[str, int, int, float],
) -> int:
    """Open two stacks side by side, and return the exit status.

    Args:
        texts: what distinguishes them, each ``NAME=VALUE``.
        stack: the settings that both start from.
        desk: how the desk looks.
        without: the safeguards that are off on both sides.
        traffic: the workload, its seed, the clients of each side, and the rate.

    Raises:
        click.UsageError: a data directory is named.
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
    source = WorkloadTraffic(workload, seed)
    appearance = desk.appearance(stack)

    def show(notice: str) -> int:
        return open_versus(Pair(setups, source, Load(clients, rate)), appearance, user_folder())

    return show("") if is_served() else run_under_parent(show, again=False)
