"""A progress bar for a session. Separate from ``watch``, because without a terminal there is no
bar, and Rich need not be imported."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from cachedesk.lab.run.session import Session
from cachedesk.lab.run.watch import Watch

_BAR_SECONDS = 0.1


def bar(operations: int | None, seconds: float | None) -> Watch:
    """Return a watch that draws a progress bar on stderr, with the rate and the time left.

    Args:
        operations: the number of operations; ``None`` if it is not known.
        seconds: the duration, used if ``operations`` is not known. If neither is, the bar shows the
            share of the trace that was read.
    """

    def watch(session: Session) -> None:
        console = Console(stderr=True)
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as progress:
            total = operations if operations is not None else seconds
            if total is None:
                # A trace that was not read before: show the share of its bytes.
                total = 1.0 if session.share is not None else None
            task = progress.add_task(session.stack.workload, total=total, rate=0.0)
            ended = False
            while not ended:
                ended = session.driver.wait(_BAR_SECONDS)
                done, passed = session.driver.tally().done, session.driver.seconds
                completed: float = done if operations is not None else passed
                if operations is None and seconds is None:
                    completed = session.share or 0.0
                progress.update(
                    task,
                    completed=completed,
                    rate=done / passed if passed else 0.0,
                )

    return watch


class _Rate(ProgressColumn):
    """Operations per second, over the whole run."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['rate']:,.0f} ops/s")
