"""A progress bar for the bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cachedesk.lab.bench.bench import BenchProgress

Announce = Callable[[BenchProgress], object]


@contextmanager
def bar() -> Iterator[Announce]:
    """Draw a bar on stderr, and remove it at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("")

        def announce(step: BenchProgress) -> None:
            progress.update(task, description=step.title, completed=step.done, total=step.of)

        yield announce


@contextmanager
def silent() -> Iterator[Announce]:
    """Show nothing."""

    def announce(step: BenchProgress) -> None:
        """Do nothing."""

    yield announce
