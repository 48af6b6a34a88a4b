"""``cachedesk up``: a stack as a server that speaks the Redis protocol."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cachedesk.cli.options import NonEmptyPath, PositiveFloat, StackOptions, stack_options
from cachedesk.cli.resolve import environment_failpoints
from cachedesk.core.errors import Unavailable

if TYPE_CHECKING:
    from cachedesk.client.address import Address
    from cachedesk.console.signals import Signals
    from cachedesk.stack.stack import Stack

_SWITCH_SECONDS = 0.0005
PASSWORD_VARIABLE = "CACHEDESK_PASSWORD"


@click.command()
@click.option(
    "--listen",
    "listens",
    multiple=True,
    metavar="ADDRESS",
    help="unix:PATH or tcp:HOST:PORT (tcp:127.0.0.1:6380); repeatable. TCP needs a password.  "
    "[default: unix:cachedesk.sock in the data directory]",
)
@click.option(
    "--password-file",
    type=NonEmptyPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"What clients must give with AUTH: the first line of a file.  [default: the variable"
    f" {PASSWORD_VARIABLE}]",
)
@click.option(
    "--allow-flush",
    is_flag=True,
    help="Carry out FLUSHDB, which deletes every key from the database too.",
)
@click.option(
    "--drain-seconds",
    type=PositiveFloat(),
    default=10.0,
    show_default=True,
    metavar="S",
    help="How long to answer and to flush after SIGTERM or Ctrl-C.",
)
@stack_options
@click.pass_context
def up(
    ctx: click.Context,
    *,
    listens: tuple[str, ...],
    password_file: Path | None,
    allow_flush: bool,
    drain_seconds: float,
    stack: StackOptions,
) -> None:
    """Serve the stack of a data directory to other processes, by the Redis protocol.

    redis-cli, redis-py and other clients use it as a Redis server. The reply to a write means what
    the policy of its key means: applied to the database, or durable in the log.

    Exit status: 2 bad usage or bad files; 130 after Ctrl-C, 143 after SIGTERM.
    """
    from cachedesk.client.address import TcpAddress, default_address, parse_address
    from cachedesk.console.signals import Signals
    from cachedesk.core.failpoints import Failpoints
    from cachedesk.stack.stack import Stack

    addresses: list[Address] = [parse_address(each) for each in listens]
    password = _password(password_file)
    if password is None and any(isinstance(each, TcpAddress) for each in addresses):
        raise click.UsageError(
            "TCP needs a password: put it into a file and name it with --password-file, or set"
            f" {PASSWORD_VARIABLE}."
        )
    settings = stack.settings()
    data = stack.directory
    addresses = addresses or [default_address(data)]
    # The thread of the clients is often busy, and one that has waited for the disk would wait for
    # it once more, 5 ms each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with Signals() as signals:
        running = Stack(data, settings, failpoints=Failpoints(environment_failpoints()))
        try:
            options = {"password": password, "allows_flush": allow_flush}
            left = _serve(running, addresses, drain_seconds, signals, options)
        finally:
            running.close()
    for line in (signals.word, *left):
        _say(line)
    ctx.exit(signals.exit_code or 0)


def _serve(
    stack: Stack,
    addresses: list[Address],
    drain_seconds: float,
    signals: Signals,
    options: Mapping[str, Any],
) -> list[str]:
    """Serve until a signal comes, then flush; return what is left, a sentence each."""
    from cachedesk.server.server import Server

    async def run() -> str:
        server = Server(stack.layer, stack.snapshot, addresses, report=_say, **options)
        signals.on_signal = server.stop
        if signals.received.is_set():
            server.stop()
        _say(f"serving {stack.place.name} on {' and '.join(map(str, addresses))}")
        return await server.serve(drain_seconds)

    left = [cut] if (cut := asyncio.run(run())) else []
    try:
        stack.layer.drain(drain_seconds)
    except Unavailable as error:
        left.append(f"{error}; they stay in the log, and are flushed after the next start")
    return left


def _password(file: Path | None) -> bytes | None:
    given = os.environb.get(os.fsencode(PASSWORD_VARIABLE))
    if file is not None:
        try:
            given = file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
        except OSError as error:
            raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
    if given == b"":
        raise click.UsageError("The password is empty.")
    return given


def _say(text: str) -> None:
    if text:
        click.echo(f"cachedesk: {text}", err=True)
