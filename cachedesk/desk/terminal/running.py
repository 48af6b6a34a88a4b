"""Running an app on the terminal: signals end it, a defect becomes one sentence and a file."""

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
"""The exit status after a defect of the desk: ``EX_SOFTWARE`` of sysexits.h."""


def run_app(
    app: TerminalApp,
    signals: Signals,
    deadline: Deadline,
    crash_folder: Path | None,
    leave: Callable[[], None] | None = None,
) -> int:
    """Run ``app`` until its user leaves or a signal comes.

    Args:
        app: what to run.
        signals: which are received already.
        deadline: told when to count, and when the screen has left.
        crash_folder: where a traceback is kept; ``None``: the folder of temporary files.
        leave: called, on a thread, to end the app after a signal; by default ``app.exit``.

    Returns:
        The exit status: 0 or the app's own, 128 and the number of the signal that ended it, or
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
        # What failed after a signal failed because the terminal was going away.
        return signals.exit_code
    if app.crash:
        print(_crash_message(app.crash, crash_folder), file=sys.stderr, flush=True)
        return DEFECT_STATUS
    return app.return_code or 0


def _write_utf8() -> None:
    """Textual writes by the locale's encoding, which in the C or a Latin-1 locale has no letters
    for a frame; the terminal itself nearly always takes UTF-8."""
    for stream in (sys.__stdout__, sys.__stderr__):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def _crash_message(crash: str, folder: Path | None) -> str:
    """Write the traceback to a file and return the sentence that names it."""
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
