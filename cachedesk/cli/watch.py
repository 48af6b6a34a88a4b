"""``cachedesk watch``: one's own Redis or Valkey, read only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cachedesk.cli.options import NonEmptyPath, PositiveFloat, json_option, theme_option
from cachedesk.console.output import has_bar, is_served, is_terminal, print_json, print_text

if TYPE_CHECKING:
    from cachedesk.core.watched_server import WatchedServer
    from cachedesk.watch.watcher import Watcher

USUAL_SECONDS = 10.0
_MONITOR_WARNING = (
    "MONITOR makes each command of this server dearer while it is on. It is on for short windows"
    " within the budget; --no-monitor does without."
)


class Percent(click.ParamType[float]):
    """A share in percent, ``1`` or ``0.5%``, above 0 and at most 100; converted to 0 to 1."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            percent = float(str(value).strip().removesuffix("%"))
        except ValueError:
            percent = 0.0
        if not 0 < percent <= 100:
            self.fail(f"{value!r} is not above 0 and at most 100 percent.", param, ctx)
        return percent / 100


@click.command()
@click.argument("url")
@click.option(
    "--budget",
    type=Percent(),
    default="1",
    show_default=True,
    metavar="PERCENT",
    help="Share of the server's time that watching may take.",
)
@click.option(
    "--no-monitor",
    "monitor",
    flag_value=False,
    default=True,
    help="Do without MONITOR; then hit rates by prefix, hot keys and the cost of a restart are"
    " unknown.",
)
@click.option("--once", is_flag=True, help="Without a screen: watch, then print what was seen.")
@click.option(
    "--seconds",
    type=PositiveFloat(),
    metavar="S",
    help=f"How long to watch without a screen.  [default: {USUAL_SECONDS:g}]",
)
@click.option(
    "--record",
    type=NonEmptyPath(path_type=Path),
    metavar="FILE",
    help="Without a screen: write the sampled commands to a new file, a trace for"
    ' "cachedesk run --trace". It holds values too.',
)
@json_option
@theme_option
@click.pass_context
def watch(
    ctx: click.Context,
    *,
    url: str,
    budget: float,
    monitor: bool,
    once: bool,
    seconds: float | None,
    record: Path | None,
    as_json: bool,
    theme: str,
) -> None:
    """Watch a Redis or Valkey of your own: hit rate and memory by prefix, hot and big keys, what a
    restart would cost.

    URL is redis://, rediss:// (TLS), unix:///path.sock, valkey:// or valkeys://, as redis-py takes
    it: redis://USER:PASSWORD@HOST:PORT/DB?ssl_ca_certs=FILE. Nothing is written to the server, and
    no key is read.

    Exit status: 2 when there is no answer, or the user may not ask what is needed.
    """
    if record is not None and not monitor:
        raise click.UsageError("--record needs MONITOR; leave out --no-monitor.")
    screen = not (once or as_json or record is not None)
    if screen and seconds is not None:
        raise click.UsageError("--seconds needs --once, --json or --record.")
    if screen and not (is_terminal() or is_served()):
        raise click.UsageError("The screen needs a terminal; without one, use --once or --json.")
    if record is not None:
        from cachedesk.watch.trace_file import check_trace_file

        check_trace_file(record)
    connect = _connector(url)
    if screen:
        from cachedesk.cli.options import user_folder
        from cachedesk.desk.modes.watching import open_watch

        ctx.exit(open_watch(connect, budget, monitor=monitor, theme=theme, folder=user_folder()))
    from cachedesk.watch.watcher import Watcher

    if monitor and has_bar():
        click.echo(_MONITOR_WARNING, err=True)
    watcher = Watcher(connect, budget, monitor=monitor)
    ctx.exit(_watch_plainly(watcher, seconds or USUAL_SECONDS, record, as_json=as_json))


def _connector(url: str) -> Callable[[], WatchedServer]:
    from cachedesk.stores.watched_redis.address import parsed
    from cachedesk.stores.watched_redis.redis_server import connect

    address = parsed(url)
    return lambda: connect(address)


def _watch_plainly(watcher: Watcher, seconds: float, record: Path | None, *, as_json: bool) -> int:
    """Watch for so many seconds, and print what was seen; return the exit status."""
    from cachedesk.cli.watch_json import as_json as as_object
    from cachedesk.console.signals import Signals
    from cachedesk.watch.sentences import lines

    with Signals() as signals:
        try:
            if record is not None:
                watcher.record(record)
            watcher.start()
            signals.received.wait(seconds)
            seen = watcher.snapshot()
        finally:
            watcher.close()
    if as_json:
        print_json(as_object(seen))
    else:
        print_text("\n".join(lines(seen)))
    if record is not None and not as_json:
        recording = seen.recording
        kept = recording.lines if recording is not None else 0
        print_text(f"\n{kept:,} commands in {record}" if kept else "\nno command was seen")
    failed = seen.lost or seen.said
    if failed:
        click.echo(f"cachedesk: {failed}", err=True)
    return signals.exit_code or (2 if failed else 0)
