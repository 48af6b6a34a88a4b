"""The fault of the write-behind log: a full disk."""

from __future__ import annotations

from typing import Protocol

from cachedesk.core.fault import Fault


class Fillable(Protocol):
    """The log, as its fault sees it."""

    def set_disk_full(self, full: bool) -> None:
        """Make SQLite refuse appends, or accept them again; raises ``Unavailable`` if that is not
        possible now."""
        ...


class LogFull(Fault):
    """SQLite refuses every append with "database or disk is full"."""

    name, title, lasting = "log.full", "fill the disk under the log: write-behind is refused", True

    def __init__(self, log: Fillable) -> None:
        self._log = log
        self._active = False

    def inject(self, argument: str = "") -> str:
        self._log.set_disk_full(True)
        self._active = True
        return "SQLite refuses appends to the log: the disk is full"

    def heal(self) -> None:
        if self._active:
            self._log.set_disk_full(False)
            self._active = False


KINDS: tuple[type[Fault], ...] = (LogFull,)


def faults_of(log: Fillable) -> tuple[Fault, ...]:
    """Return one fault of each of ``KINDS`` for ``log``."""
    return (LogFull(log),)
