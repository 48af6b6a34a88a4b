"""The fault of the whole process."""

from __future__ import annotations

import os
import signal

from cachedesk.core.fault import Fault


class ProcessKill(Fault):
    """SIGKILL to ourselves. What was acknowledged is on the disk: ``cachedesk dump`` shows it."""

    name, title = "process.kill", "kill this whole process (SIGKILL); open it again to recover"

    def inject(self, argument: str = "") -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a process cannot survive SIGKILL")
