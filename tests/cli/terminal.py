"""The real command in a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

SECONDS = 120.0
"""How long a busy machine may take for what is waited for."""


class Terminal:
    """A command in a pseudo-terminal.

    Args:
        arguments: of ``cachedesk``, or the whole command when ``command`` is set.
        python: which interpreter runs it.
        command: take ``arguments`` as they are.
        environment: what to set beside the usual; ``None`` removes a variable.
        size: columns and rows.
    """

    started: ClassVar[list[Terminal]] = []
    """Those of the running test."""

    def __init__(
        self,
        *arguments: str,
        python: str = sys.executable,
        command: bool = False,
        environment: Mapping[str, str | None] | None = None,
        size: tuple[int, int] = (100, 30),
    ) -> None:
        line = [*arguments] if command else [python, "-m", "cachedesk", *arguments]
        # The size is that of the terminal; xdist's workers have these variables.
        usual = {"TERM": "xterm-256color", "COLUMNS": None, "LINES": None}
        variables = {**os.environ, **usual, **(environment or {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            # By the child: on a busy machine it may look before the parent has its turn.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *reversed(size), 0, 0))
            os.execvpe(line[0], line, variables)  # type: ignore[arg-type]
        self.shown = b""
        self.status: int | None = None
        self.started.append(self)

    def wait_for(self, text: bytes, after: int = 0) -> int:
        """Wait until ``text`` was shown behind the first ``after`` bytes; return how many bytes
        were shown until then."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown[after:]:
            assert time.monotonic() < deadline, (text, self.shown[-3000:])
            assert self._take(0.1) is not False, (text, self.shown[-3000:])
        return len(self.shown)

    def type(self, keys: bytes) -> None:
        """Press ``keys``."""
        os.write(self._screen, keys)

    def hang_up(self) -> None:
        """Let the terminal vanish."""
        os.close(self._screen)
        self._screen = -1

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        if self.status is not None:
            return self.status
        deadline = time.monotonic() + SECONDS
        while self._screen >= 0 and self._take(1.0) is not False:
            assert time.monotonic() < deadline, self.shown[-3000:]
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            assert time.monotonic() < deadline, self.shown[-3000:]
            time.sleep(0.02)
        if self._screen >= 0:
            os.close(self._screen)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def kill(self) -> None:
        """End it now, unless it has ended."""
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.end()

    def _take(self, seconds: float) -> bool | None:
        """Read what there is; False at the end, ``None`` when nothing came."""
        ready, _, _ = select.select([self._screen], [], [], seconds)
        if not ready:
            return None
        try:
            taken = os.read(self._screen, 65536)
        except OSError:
            return False
        self.shown += taken
        return bool(taken)
