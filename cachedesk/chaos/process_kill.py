"""The fault of the whole process."""

from __future__ import annotations

import os
import signal

from cachedesk.core.fault import Fault


class ProcessKill(Fault):
    """SIGKILL to this process. Acknowledged writes are on the disk: ``cachedesk dump`` shows
    them."""

    name, title = "process.kill", "kill this whole process (SIGKILL); open it again to recover"

    def inject(self, argument: str = "") -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a process cannot survive SIGKILL")
