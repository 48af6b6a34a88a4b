"""Processes that begin with the engine imported: a fifth of a second of CPU for each that is not.

They are forked from a server that imports and does nothing else, so it has one thread and nothing
of a test in it; what a process patches, plants or leaves is gone with it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["cachedesk.stack.stack", "cachedesk.lab.torture.points"])
# Its socket's folder, now: later the tests have a folder for all that is temporary, which is
# removed before the server ends.
multiprocessing.util.get_temp_dir()


class Forked:
    """A running process; ``said`` is the file that holds its output, tracebacks included."""

    def __init__(self, said: Path, call: Callable[..., Any], *arguments: Any) -> None:
        """Have ``call(*arguments)`` done in a new process."""
        self._said = said
        self._process = _CONTEXT.Process(target=_do, args=(str(said), call, *arguments))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended: the negative number of a signal, or ``None`` while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL it, unless it has ended."""
        self._process.kill()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, and return its exit code; ``None``: it still runs."""
        self._process.join(seconds)
        return self.exit_code

    def said(self) -> str:
        """Return what it has printed."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""


def _do(said: str, call: Callable[..., Any], *arguments: Any) -> None:
    with Path(said).open("w", buffering=1) as file:
        sys.stdout = sys.stderr = file
        try:
            call(*arguments)
        except BaseException:
            traceback.print_exc()
            raise
