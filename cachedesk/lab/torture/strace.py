"""strace: makes the n-th system call of one thread fail, or kills the process there.

strace counts ``when=N`` separately for each thread. So it is attached to exactly one thread, and N
is the number of that thread's call since the attachment: for the calling thread from before the
stack is opened, for the worker from before its first batch. Redis and the other threads run at full
speed, and the process under test is forked as in every other mode.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from cachedesk.core.errors import CachedeskError
from cachedesk.lab.torture.job import Injection

CALLS = {
    "pwrite64": "pwrite64",
    "write": "write",
    "fdatasync": "fdatasync",
    "fsync": "fsync",
    "ftruncate": "ftruncate",
    "unlink": "?unlink,?unlinkat",
    "rename": "?rename,?renameat,?renameat2",
}
"""The calls that change what is on disk, by kind; an architecture may lack some names."""

_ATTACH_SECONDS = 10.0
_POLL_SECONDS = 0.0005
_SET_PTRACER, _ANY = 0x59616D61, -1
_CALL = re.compile(r"^\d+\.\d+ \w+\(")
_FAILED_SYNC = re.compile(r"^(\d+\.\d+) f(?:data)?sync\(\d+<([^>]*)>\).*\(INJECTED\)$")


class StraceError(CachedeskError):
    """strace is not installed, or is not allowed to trace."""


class FailedSync(NamedTuple):
    """A sync that strace made fail: when (seconds since the epoch), and of which file."""

    at: float
    path: str


def check() -> None:
    """Check that strace is installed.

    Raises:
        StraceError: it is not.
    """
    if shutil.which("strace") is None:
        raise StraceError(
            "the mode syscalls needs strace, which is not installed (Linux only): install it, or"
            " use --mode failpoints"
        )


def allow_tracing() -> None:
    """Allow other processes to trace this one, if the kernel (Yama) requires that."""
    ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANY), 0, 0, 0)


class Strace:
    """strace, attached to one thread."""

    def __init__(self, pid: int, thread: int, injection: Injection, out: Path) -> None:
        """Attach strace to a thread.

        Args:
            pid: the process.
            thread: the id of its thread.
            injection: the injection.
            out: the file for the calls of the thread.

        Raises:
            StraceError: the kernel does not allow it.
        """
        self._out = out
        out.write_bytes(b"")
        calls = CALLS[injection.call]
        action = "signal=SIGKILL" if injection.action == "kill" else f"error={injection.action}"
        when = f"when={injection.number}{'+' if injection.stays else ''}"
        self._process = subprocess.Popen(
            [
                *("strace", "-qq", "-y", "-ttt", "-s", "0", "-o", str(out), "-p", str(thread)),
                *("-e", f"trace={calls}", "-e", f"inject={calls}:{action}:{when}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A Ctrl-C in the terminal must reach only the judge, which then ends the process.
            start_new_session=True,
        )
        deadline = time.monotonic() + _ATTACH_SECONDS
        while not _is_traced(pid, thread):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                output = self._process.communicate()[1].decode(errors="replace")
                raise StraceError(
                    f"strace cannot trace here ({' '.join(output.split()) or 'no output'});"
                    " allow ptrace, or use --mode failpoints"
                )
            time.sleep(_POLL_SECONDS)

    def end(self) -> list[str]:
        """Wait until strace has ended with the traced process; return the calls of the thread, one
        per line."""
        try:
            self._process.communicate(timeout=_ATTACH_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        lines = self._out.read_text(errors="replace").splitlines()
        return [line for line in lines if _CALL.match(line)]


def was_hit(injection: Injection, calls: list[str]) -> bool:
    """Return whether the injection took effect, according to strace. (A call at which the process
    was killed never returns.)"""
    if injection.action == "kill":
        return len(calls) == injection.number and calls[-1].endswith("= ?")
    return any(line.endswith("(INJECTED)") for line in calls)


def failed_syncs(calls: list[str]) -> list[FailedSync]:
    """Return the syncs that strace made fail."""
    found = (_FAILED_SYNC.match(line) for line in calls)
    return [FailedSync(float(match[1]), match[2]) for match in found if match]


def _is_traced(pid: int, thread: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
    except OSError:
        return False
    return "TracerPid:\t0\n" not in status
