"""Watches one process under test from its fork to its exit: its messages, and how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cachedesk.lab.torture import strace
from cachedesk.lab.torture.channel import ACKNOWLEDGED, GO, HALT
from cachedesk.lab.torture.job import Base, Job, TorturePaths
from cachedesk.lab.torture.strace import Strace
from cachedesk.lab.torture.victim import fork

_LONGEST_SECONDS = 60.0


@dataclass(slots=True)
class End:
    """How a process under test ended.

    ``killed``: by SIGKILL, according to the kernel; otherwise by itself. ``struck``: whether the
    injection of its job really took effect; ``calls``: the number of calls of its kind that its
    thread made. ``violations``: the broken promises that it reported.
    """

    killed: bool = False
    struck: bool = False
    calls: int = 0
    violations: list[str] = field(default_factory=list)


def run(place: TorturePaths, job: Job, base: Base, lives: Callable[[int | None], None]) -> End:
    """Run one process under test and return how it ended.

    Args:
        place: the files of the torture.
        job: what it does, and how it is killed.
        base: each key's (version, value).
        lives: called with its pid, and then with ``None`` before the pid can be reused.

    Raises:
        StraceError: strace cannot do what the job requires.
    """
    pid, line = fork(place, job, base)
    watch = _Watch(place, job, pid, line)
    try:
        lives(pid)
        watch.listen()
    except BaseException:
        lives(None)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        watch.detach()
        raise
    finally:
        lives(None)
        line.close()
    _, status = os.waitpid(pid, 0)
    return watch.end(status)


class _Watch:
    """The judge's side of a running process under test."""

    def __init__(self, place: TorturePaths, job: Job, pid: int, line: socket.socket) -> None:
        self._place = place
        self._job = job
        self._pid = pid
        self._line = line
        self._strace: Strace | None = None
        self._violations: list[str] = []
        self._acknowledged: list[tuple[float, float]] = []
        self._hung = False

    def listen(self) -> None:
        """Receive its messages until it ends; kill it at the time in its job, or if it hangs."""
        began = time.monotonic()
        buffer = b""
        kill_after = self._job.kill_after
        limit = _LONGEST_SECONDS if kill_after is None else kill_after
        while True:
            left = max(0.0, began + limit - time.monotonic())
            ready, _, _ = select.select([self._line], [], [], left)
            if not ready:
                self._hung = kill_after is None or limit > kill_after
                os.kill(self._pid, signal.SIGKILL)
                limit += _LONGEST_SECONDS
                continue
            try:
                chunk = self._line.recv(65536)
            except ConnectionResetError:
                # It died with data from this side unread.
                chunk = b""
            if not chunk:
                return
            *lines, buffer = (buffer + chunk).split(b"\n")
            for each in lines:
                self._handle(each.decode(errors="replace"))

    def detach(self) -> None:
        """Wait for strace to end."""
        if self._strace is not None:
            self._strace.end()

    def end(self, status: int) -> End:
        """Return how it ended, from its exit status."""
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        end = End(killed and not self._hung, violations=self._violations)
        if self._hung:
            end.violations.append("it hung and had to be killed")
        elif not killed and os.waitstatus_to_exitcode(status) != 0 and not self._violations:
            code = os.waitstatus_to_exitcode(status)
            end.violations.append(f"it ended with {code} without a report")
        if self._strace is not None and self._job.injection is not None:
            calls = self._strace.end()
            end.calls = len(calls)
            end.struck = strace.was_hit(self._job.injection, calls)
            end.violations += self._ignored_failures(strace.failed_syncs(calls))
        return end

    def _handle(self, line: str) -> None:
        if line.startswith(HALT):
            if self._job.injection is not None:
                self._strace = Strace(
                    self._pid, int(line[1:]), self._job.injection, self._place.trace
                )
            self._line.sendall(GO)
        elif line.startswith(ACKNOWLEDGED):
            began, ended = line[1:].split()
            self._acknowledged.append((float(began), float(ended)))
        else:
            self._violations.append(line)

    def _ignored_failures(self, failed: list[strace.FailedSync]) -> list[str]:
        """Return the syncs of a write-ahead log that failed during a write which was acknowledged
        all the same. Only a power cut would reveal the loss, but the promise is broken: the kernel
        drops the pages that it could not write, and a repeated sync succeeds without them. (A
        checkpoint may fail to sync the database's own file: the log still has everything.)"""
        if self._job.injection is None or self._job.injection.thread != "main":
            return []
        return [
            f"a sync of {sync.path} failed, and the write that made it was acknowledged"
            for sync in failed
            if sync.path.endswith("-wal")
            and any(began <= sync.at <= ended for began, ended in self._acknowledged)
        ]
