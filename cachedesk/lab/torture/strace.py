"""strace: it makes the n-th system call of one thread fail, or kills the process there.

strace counts ``when=N`` for each thread by itself. So it is attached to exactly one thread, and
N is the N-th call of that thread, counted from the attaching: the calling thread's from before the
stack is opened, the worker's from before its first batch. Redis and the other threads run at
full speed, and the process under test is forked as in every other mode.
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
_LOOK_SECONDS = 0.0005
_SET_PTRACER, _ANY = 0x59616D61, -1
_CALL = re.compile(r"^\d+\.\d+ \w+\(")
_FAILED_SYNC = re.compile(r"^(\d+\.\d+) f(?:data)?sync\(\d+<([^>]*)>\).*\(INJECTED\)$")


class StraceError(CachedeskError):
    """strace is not there, or may not trace."""


class FailedSync(NamedTuple):
    """A sync that strace made fail: when (seconds since the epoch), and of which file."""

    at: float
    path: str


def check() -> None:
    """See that strace is installed.

    Raises:
        StraceError: it is not.
    """
    if shutil.which("strace") is None:
        raise StraceError(
            "the mode syscalls needs strace, which is not installed (Linux only): install it, or"
            " use --mode failpoints"
        )


def allow_tracing() -> None:
    """Allow other processes to trace this one, where the kernel (Yama) asks for that."""
    ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANY), 0, 0, 0)


class Strace:
    """strace, attached to one thread."""

    def __init__(self, pid: int, thread: int, injection: Injection, out: Path) -> None:
        """Attach.

        Args:
            pid: the process.
            thread: the id of its thread.
            injection: what to do to it.
            out: where to keep the calls it made.

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
            # Ctrl-C in the terminal is for the judge, which then ends what is traced.
            start_new_session=True,
        )
        deadline = time.monotonic() + _ATTACH_SECONDS
        while not _is_traced(pid, thread):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                said = self._process.communicate()[1].decode(errors="replace")
                raise StraceError(
                    f"strace cannot trace here ({' '.join(said.split()) or 'no output'});"
                    " allow ptrace, or use --mode failpoints"
                )
            time.sleep(_LOOK_SECONDS)

    def end(self) -> list[str]:
        """Wait until strace has gone with the process that it traced; return the calls that the
        thread made, a line each."""
        try:
            self._process.communicate(timeout=_ATTACH_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        lines = self._out.read_text(errors="replace").splitlines()
        return [line for line in lines if _CALL.match(line)]


def was_hit(injection: Injection, calls: list[str]) -> bool:
    """Return whether the injection really struck, by strace's own account. (Who is killed at a
    call never returns from it.)"""
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
