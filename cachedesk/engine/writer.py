"""The writer: it takes each change of a call to its path, and counts what came of it."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Sequence

from cachedesk.core.errors import (
    CounterOverflow,
    InvalidValue,
    LogFull,
    NotACounter,
    Unavailable,
    WriteRefused,
)
from cachedesk.core.events import Op, as_amount, as_key, as_value
from cachedesk.core.policy import Policy
from cachedesk.core.recorder import CallPath, Recorder
from cachedesk.core.settings import Settings
from cachedesk.core.writes import Change, Receipt, Switched
from cachedesk.engine.routes import Routes
from cachedesk.engine.write_through import WriteThrough

_SWITCH_LOOK_SECONDS = 0.001


class Writer:
    """The changes of a call, path by path. Thread-safe."""

    def __init__(
        self, paths: Routes, through: WriteThrough, recorder: Recorder, settings: Settings
    ) -> None:
        self._paths = paths
        self._through = through
        self._recorder = recorder
        self._settings = settings

    def deadline(self) -> float:
        """Return when a write that begins now gives up, in ``time.monotonic()`` seconds."""
        return time.monotonic() + self._settings.database.write_seconds

    def write(self, changes: list[Change], paths: list[Policy]) -> list[Receipt]:
        """Do ``changes``, each on the path of its place in ``paths``, what is written through
        first; return their receipts in order. Errors: see ``CacheLayer.write_many``."""
        receipts: dict[int, Receipt] = {}
        for path in (Policy.WRITE_THROUGH, Policy.WRITE_BEHIND):
            places = [place for place, its in enumerate(paths) if its is path]
            if places:
                written = self._write([changes[place] for place in places], path)
                receipts.update(zip(places, written, strict=True))
        return [receipts[place] for place in range(len(changes))]

    def _write(self, changes: list[Change], path: Policy) -> list[Receipt]:
        began = time.perf_counter()
        deadline = self.deadline()
        try:
            if path is Policy.WRITE_BEHIND:
                receipts = self._write_behind(changes, deadline)
            else:
                receipts = self._through.write(changes, deadline)
        except LogFull:
            self._recorder.count("refused", len(changes))
            raise
        except Unavailable:
            self._recorder.count("writes_unavailable", len(changes))
            raise
        except (NotACounter, CounterOverflow, WriteRefused):
            self._recorder.count("refused", len(changes))
            raise
        self._recorder.call(
            CallPath.WRITE_BEHIND if path is Policy.WRITE_BEHIND else CallPath.WRITE_THROUGH,
            time.perf_counter() - began,
            [change.key for change in changes],
            len(changes),
        )
        return receipts

    def _write_behind(self, changes: list[Change], deadline: float) -> list[Receipt]:
        receipts: list[Receipt] = []
        fast = self._paths.fast
        for part in fast.parts(changes):
            try:
                receipts += fast.write(part, deadline)
            except Switched:
                # It is put in as soon as what was dirty has been copied.
                time.sleep(_SWITCH_LOOK_SECONDS)
                receipts += self._write_behind(list(part), deadline)
            except LogFull:
                if self._settings.log.when_full != "write-through":
                    raise
                receipts += self._through.write(part, deadline)
        return receipts


def as_change(operation: Sequence[object]) -> Change:
    """Return an operation, as a caller writes it, as a change.

    Raises:
        InvalidKey, InvalidValue: it is none.
    """
    match operation:
        case ("set", key, value):
            return Change(Op.SET, as_key(key), as_value(value))  # type: ignore[arg-type]
        case ("incr", key, amount):
            return Change(Op.INCR, as_key(key), as_amount(amount))  # type: ignore[arg-type]
        case ("incr", key):
            return Change(Op.INCR, as_key(key), 1)  # type: ignore[arg-type]
        case ("delete", key) | ("delete", key, _):
            return Change(Op.DELETE, as_key(key), None)  # type: ignore[arg-type]
    raise InvalidValue(
        f"cannot read the operation {reprlib.repr(operation)}: write ('set', key, value),"
        " ('incr', key, amount) or ('delete', key)"
    )
