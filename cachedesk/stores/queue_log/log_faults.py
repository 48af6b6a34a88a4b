"""The fault of the write-behind log: a full disk under it."""

from __future__ import annotations

from typing import Protocol

from cachedesk.core.fault import Fault


class Fillable(Protocol):
    """The log, as its fault sees it."""

    def set_disk_full(self, full: bool) -> None:
        """Have SQLite refuse what is appended; ``Unavailable``: not now."""
        ...


class LogFull(Fault):
    """SQLite says "database or disk is full" to every append."""

    name, title, lasting = "log.full", "fill the disk under the log: write-behind is refused", True

    def __init__(self, log: Fillable) -> None:
        self._log = log
        self._active = False

    def inject(self, argument: str = "") -> str:
        self._log.set_disk_full(True)
        self._active = True
        return "the disk under the log is full, SQLite finds"

    def heal(self) -> None:
        if self._active:
            self._log.set_disk_full(False)
            self._active = False


KINDS: tuple[type[Fault], ...] = (LogFull,)


def faults_of(log: Fillable) -> tuple[Fault, ...]:
    """Return one of each of ``KINDS``, for ``log``."""
    return (LogFull(log),)
