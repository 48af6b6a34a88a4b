"""``cachedesk serve``: the desk in a browser."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from pathlib import Path

import click

from cachedesk.cli.options import (
    DeskOptions,
    NonEmptyPath,
    StackOptions,
    desk_options,
    stack_options,
)
from cachedesk.console.output import short_path

_INSTALL = "pip install 'cachedesk[serve]'"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on.",
)
@click.option(
    "--replay",
    type=NonEmptyPath(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Serve a recording instead, to any number of viewers.",
)
@desk_options
@stack_options
@click.pass_context
def serve(
    ctx: click.Context,
    *,
    host: str,
    port: int,
    replay: Path | None,
    desk: DeskOptions,
    stack: StackOptions,
) -> None:
    """Show the desk in a browser: one stack, one viewer at a time, on this machine only.

    It prints an address with a token; without the token there is no access. On another --host
    the token travels unencrypted; use --read-only there.
    """
    try:
        from cachedesk.desk.modes.serve import LOOPBACK, DeskServer
    except ImportError:
        raise click.UsageError(f"The desk in a browser needs textual-serve: {_INSTALL}") from None
    from cachedesk.desk.terminal.parent import PARENT_VARIABLE
    from cachedesk.desk.terminal.served_driver import NAME as DRIVER

    # Checked here, so that errors are shown in the terminal and not in the browser.
    stack.settings()
    desk.appearance(stack)
    words = [sys.executable, "-m", "cachedesk"]
    if replay is not None:
        words += ["replay", str(replay.absolute())]
    else:
        words += ["--data", str(stack.directory.absolute())]
        words += ["--config", str(stack.config.absolute())] if stack.config else []
        words += [word for policy in stack.policies for word in ("--policy", policy)]
        words += ["--read-only"] if desk.read_only else []
        words += ["--theme", desk.theme] if desk.theme else []
        words += ["--refresh", desk.refresh] if desk.refresh else []
    notice = [sys.executable, "-m", "cachedesk.desk.terminal.message_screen"]
    if host not in LOOPBACK and not (desk.read_only or replay):
        warning = "every user with the address can break this stack; --read-only prevents that"
        click.echo(f"cachedesk: {warning}", err=True)
    # exec replaces the shell, so that a signal to it reaches the desk.
    env = ["env", f"{PARENT_VARIABLE}={os.getpid()}", f"TEXTUAL_DRIVER={DRIVER}"]
    command, busy = (shlex.join([*env, *line]) for line in (words, notice))
    title = f"cachedesk · {short_path(replay or stack.directory)}"
    server = DeskServer(f"exec {command}", "" if replay else f"exec {busy}", host, port, title)
    try:
        server.serve()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(f"Port {port} is in use; choose another --port.") from None
        raise click.UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    ctx.exit(0 if server.ended_by is None else 128 + server.ended_by)
