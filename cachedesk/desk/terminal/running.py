"""Run an app on the terminal: a signal ends it, a crash leaves one line and a file."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cachedesk.console.signals import Signals
from cachedesk.core.printable import safe
from cachedesk.desk.terminal.leaving import Deadline, Hangup
from cachedesk.desk.terminal.terminal_app import TerminalApp

_MOST_LETTERS = 200

DEFECT_STATUS = 70
"""The exit status after an internal error: ``EX_SOFTWARE`` of sysexits.h."""


def run_app(
    app: TerminalApp,
    signals: Signals,
    deadline: Deadline,
    crash_folder: Path | None,
    leave: Callable[[], None] | None = None,
) -> int:
    """Run ``app`` until the user quits or a signal arrives.

    Args:
        app: the app to run.
        signals: receives the signals; it is active already.
        deadline: armed when a signal arrives; ends the process if the app does not exit.
        crash_folder: the folder for a traceback; ``None``: the folder of temporary files.
        leave: called on a thread to end the app after a signal; by default ``app.exit``.

    Returns:
        The exit status: 0 or that of the app; 128 plus the number of the signal that ended it;
        ``DEFECT_STATUS``.
    """

    def on_signal() -> None:
        deadline.arm()
        (leave or app.exit)()

    with Hangup(deadline.arm):
        signals.on_signal = on_signal
        if not signals.received.is_set():
            _write_utf8()
            app.run()
        deadline.screen_left()
    if signals.exit_code is not None:
        # A crash after a signal is a consequence of the terminal going away.
        return signals.exit_code
    if app.crash:
        print(_crash_message(app.crash, crash_folder), file=sys.stderr, flush=True)
        return DEFECT_STATUS
    return app.return_code or 0


def _write_utf8() -> None:
    """Write UTF-8, which nearly every terminal understands, whatever the locale.

    Textual uses the locale's encoding, and C and Latin-1 locales cannot encode the frames.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def _crash_message(crash: str, folder: Path | None) -> str:
    """Write the traceback to a file and return a line that names the file."""
    what = safe(crash.strip().rpartition("\n")[2].strip(), _MOST_LETTERS)
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for place in (folder, Path(tempfile.gettempdir())):
        if place is None:
            continue
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(crash, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return f"cachedesk: the desk stopped on an internal error ({what}); see {place / name}"
    return f"cachedesk: the desk stopped on an internal error ({what})"
