"""A client: does operations one after another, and reports their outcomes to the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CounterOverflow, NotACounter, OutcomeUnknown, Unavailable
from cachedesk.core.failpoints import ComponentCrash
from cachedesk.core.reads import ReadSource
from cachedesk.core.writes import Level
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.tally import Tally
from cachedesk.lab.trace.record import made_up

STUCK_SECONDS = 3.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.02, 0.25


class GaveUp(Unavailable):
    """A write of a trace was unavailable for too long."""


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """The layer that clients drive, the ledger that judges it, and callbacks.

    ``depth`` returns the depth of the log. ``on_stale`` is called for each stale read, ``on_stuck``
    when a write has been unavailable for ``STUCK_SECONDS``, ``on_failure`` with the error that ends
    the load. ``patience_seconds``: how long a write is retried while it is unavailable (0: it is
    counted and left out). ``stopping`` ends all waiting. ``fill_bytes``: after a read that finds
    nothing, the key is set to a value of this size, as an application would that loads it from
    elsewhere; 0: it stays absent.
    """

    layer: CacheLayer
    ledger: Ledger
    patience_seconds: float = 0.0
    fill_bytes: int = 0
    depth: Callable[[], int] = int
    on_stale: Callable[[], None] = _nothing
    on_stuck: Callable[[], None] = _nothing
    on_failure: Callable[[BaseException], None] = _nothing
    stopping: threading.Event = field(default_factory=threading.Event)


class Client:
    """One client. Used by one thread; ``tally`` may be read by others."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.tally = Tally()

    def do(self, operation: Operation) -> None:
        """Do ``operation``.

        Raises:
            GaveUp: it is a write that was unavailable for longer than the target's patience.
        """
        if operation.op is Verb.GET:
            self._read(operation.key)
        else:
            self._write(operation)

    def write_many(self, writes: Sequence[Operation]) -> None:
        """Do ``writes``, several of them in one call; those of a call that fails have an unknown
        outcome, unless it is a single one, which is done as by ``do``."""
        if len(writes) == 1:
            self.do(writes[0])
            return
        began = wall_seconds()
        try:
            receipts = self._target.layer.write_many([write.call for write in writes])
        except (Unavailable, ComponentCrash):
            for write in writes:
                self._target.ledger.unknown(write.key)
            self.tally.unknown_writes += len(writes)
            return
        for write, receipt in zip(writes, receipts, strict=True):
            safe = receipt.level is not Level.CACHED
            self._target.ledger.accepted(receipt.seq, write, receipt.value, safe=safe, began=began)
            self._count(write.op)

    def _read(self, key: bytes) -> None:
        tally = self.tally
        tally.gets += 1
        began = wall_seconds()
        try:
            read = self._target.layer.read(key)
        except (Unavailable, ComponentCrash):
            tally.unavailable_reads += 1
            return
        if read.source in (ReadSource.REDIS, ReadSource.NEGATIVE):
            tally.hits += 1
        elif read.source is ReadSource.OVERLAY:
            tally.overlay += 1
        else:
            tally.database += 1
        if read.value is None:
            tally.absent += 1
        if not self._target.ledger.read(key, read.value, began):
            tally.stale += 1
            self._target.on_stale()
        if read.value is None and self._target.fill_bytes:
            self._write(Operation(Verb.SET, key, made_up(key, self._target.fill_bytes)))

    def _write(self, write: Operation) -> None:
        ledger, tally = self._target.ledger, self.tally
        began = time.monotonic()
        while True:
            called = wall_seconds()
            try:
                receipt = self._target.layer.write(write.call)
            except (NotACounter, CounterOverflow):
                ledger.refused(write)
                tally.skipped += 1
                return
            except (OutcomeUnknown, ComponentCrash):
                ledger.unknown(write.key)
                # A set or delete of unknown outcome can be repeated; an increment cannot.
                if write.op is Verb.INCR or not self._waits_to_retry(write, began):
                    tally.unknown_writes += 1
                    return
            except Unavailable as error:
                if not self._waits_to_retry(write, began, error):
                    tally.unavailable_writes += 1
                    return
            except Exception:
                # Not an error that the layer may raise: the run ends; the outcome is unknown.
                ledger.unknown(write.key)
                tally.unknown_writes += 1
                raise
            else:
                safe = receipt.level is not Level.CACHED
                ledger.accepted(receipt.seq, write, receipt.value, safe=safe, began=called)
                self._count(write.op)
                return

    def _count(self, op: Verb) -> None:
        tally = self.tally
        if op is Verb.INCR:
            tally.incrs += 1
        elif op is Verb.SET:
            tally.sets += 1
        elif op is Verb.DELETE:
            tally.deletes += 1
        else:
            tally.expiries += 1
        tally.depth_max = max(tally.depth_max, self._target.depth())

    def _waits_to_retry(
        self, write: Operation, began: float, error: Unavailable | None = None
    ) -> bool:
        """Wait before a retry of ``write``; return False if it must not be retried."""
        target = self._target
        if not target.patience_seconds:
            return False
        waited = time.monotonic() - began
        if waited > target.patience_seconds:
            raise GaveUp(
                f"a write of {write.key!r} was unavailable for {waited:.0f} s: {error}"
            ) from error
        if waited > STUCK_SECONDS:
            target.on_stuck()
        self.tally.retries += 1
        pause = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS + waited / 4)
        return not target.stopping.wait(pause)
