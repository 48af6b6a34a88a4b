"""The auditor: a background thread that compares copies in Redis with the truth, 20 keys a second.

A difference is usually caused by a write in progress, so one difference proves nothing. A key is
divergent only if it differs twice, and no write can have been in progress:

* between the two comparisons every append to the log that was in progress has ended (``settle``);
* at the second one the key is locked exclusively, so it is neither written nor made a dead letter;
* at both, the same copy differs from the same truth, the version of the key is the same, and so is
  the trust number of the cache: there was no write, and Redis was trusted throughout.

A divergent copy is evicted, and the next read repairs it from the truth. The auditor also checks
the event balance, and finds the events if it is wrong (see ``accounting``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from cachedesk.core.absent_mark import ABSENT_MARK
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import CachedeskError, LogFull
from cachedesk.core.events import ABSENT, Entry
from cachedesk.core.ports import CacheStore, SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.core.snapshot import Audit
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.engine.overlay import OverlayReader
from cachedesk.observe.accounting import Accounting

_KEYS = 20
# A value is up to 1 MiB.
_KEYS_AT_ONCE = 5
_MOST_BYTES = 1024 * 1024
_MOST_EVENTS = 1_000
_MOST_KEYS_KEPT = 8
_MOST_ANNOUNCED = 3
_LOCK_SECONDS = 0.05
_SHOWN_BYTES = 40
# At most one hundredth of a core, however large the values are.
_REST = 100


class _Comparison(NamedTuple):
    """One comparison of one key: the copy and the truth, and the version of the key and the
    trust number of the cache, which show that neither changed."""

    cached: bytes
    truth: Entry
    version: int
    trust_number: int

    @property
    def differs(self) -> bool:
        """Whether the copy is wrong. (A missing copy is never wrong.)"""
        return (None if self.cached == ABSENT_MARK else self.cached) != self.truth.value


class Auditor:
    """Compares about 20 random keys every ``every_seconds``, while Redis is in use and the
    database can be read."""

    every_seconds = 1.0

    def __init__(
        self,
        *,
        accounting: Accounting,
        cache: CacheStore,
        pending: PendingEvents,
        database: SystemOfRecord,
        locks: KeyLocks,
        versions: KeyVersions,
        announce: Announce,
        settle: Callable[[], None],
        mends: Callable[[], bool],
    ) -> None:
        """Prepare the auditor; ``start`` starts its thread.

        Args:
            accounting: checks the event balance.
            cache: the cache to compare with the truth.
            pending: the pending events, which are folded into the rows.
            database: the rows.
            locks: lock a key exclusively for the second comparison.
            versions: show whether a key was written meanwhile.
            announce: called for each divergent key.
            settle: returns when every append that was in progress has ended.
            mends: whether divergent copies are evicted; while a safeguard is off, they are only
                announced.
        """
        self.accounting = accounting
        self._cache = cache
        self._pending = pending
        self._overlay = OverlayReader(pending, database.peek)
        self._versions = versions
        self._locks = locks
        self._announce = announce
        self._settle = settle
        self._mends = mends
        self._checked = self._divergent = 0
        self._keys: deque[bytes] = deque(maxlen=_MOST_KEYS_KEPT)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)

    @property
    def audit(self) -> Audit:
        """The findings so far; the newest of ``keys`` comes last."""
        return Audit(self._checked, self._divergent, tuple(self._keys))

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Finish the current comparison and end the thread."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Compare some keys now, and check the event balance.

        Raises:
            CachedeskError: a store is down, so nothing can be compared.
        """
        self.accounting.look()
        if not self._cache.trusted:
            return
        keys, seen_bytes = self._cache.sample(_KEYS), 0
        suspects: dict[bytes, _Comparison] = {}
        while keys and seen_bytes < _MOST_BYTES:
            some, keys = keys[:_KEYS_AT_ONCE], keys[_KEYS_AT_ONCE:]
            compared = self._compare(some)
            self._checked += len(compared)
            seen_bytes += sum(len(comparison.cached) for comparison in compared.values())
            suspects |= {
                key: comparison for key, comparison in compared.items() if comparison.differs
            }
        if suspects:
            self._confirm(suspects)

    def _compare(self, keys: Sequence[bytes]) -> dict[bytes, _Comparison]:
        """Compare the copies of ``keys``; a key that cannot be compared is not in the result."""
        keys = [
            key
            for key in keys
            # With the log off, a copy may rightly be ahead of the database.
            if self._pending.count(key) <= _MOST_EVENTS and not self._pending.unlogged(key)
        ]
        trust_number = self._cache.trust_number
        if trust_number is None:
            return {}
        versions = {key: self._versions.of(key) for key in keys}
        cached = self._cache.get_many(keys)
        truths = self._overlay.read(keys)
        compared: dict[bytes, _Comparison] = {}
        for key, copy in zip(keys, cached, strict=True):
            truth = truths[key]
            if truth.error is not None:
                raise truth.error
            if copy is not None and self._versions.of(key) == versions[key]:
                compared[key] = _Comparison(copy, truth.entry, versions[key], trust_number)
        return compared if self._cache.trust_number == trust_number else {}

    def _confirm(self, suspects: dict[bytes, _Comparison]) -> None:
        with suppress(LogFull):
            # Even if the log is full, every append that was in progress has ended.
            self._settle()
        evicted = [
            key for key, comparison in suspects.items() if self._evict_divergent(key, comparison)
        ]
        new = [key for key in evicted if key not in self._keys]
        self._divergent += len(evicted if self._mends() else new)
        self._keys.extend(new)
        for key in new[:_MOST_ANNOUNCED]:
            truth = suspects[key].truth.value
            self._announce(
                EventCode.AUDIT_DIVERGED,
                key=_shown(key),
                cached=_shown(suspects[key].cached),
                truth=None if truth is None else _shown(truth),
                evicted=self._mends(),
            )
        if (more := len(new) - _MOST_ANNOUNCED) > 0:
            self._announce(EventCode.AUDIT_MORE_DIVERGED, count=more, evicted=self._mends())

    def _evict_divergent(self, key: bytes, before: _Comparison) -> bool:
        """Compare ``key`` again while nothing can write it; evict it and return True if it
        diverges."""
        try:
            with self._locks.exclusive({key}, time.monotonic() + _LOCK_SECONDS):
                if self._compare([key]).get(key) != before:
                    return False
                if self._mends():
                    self._cache.put({key: ABSENT})
        except CachedeskError:
            return False
        return True

    def _run(self) -> None:
        seconds, last_error = self.every_seconds, ""
        while not self._closing.wait(seconds):
            began = time.thread_time()
            try:
                self.look()
            except CachedeskError:
                # A store is down, which is announced elsewhere.
                pass
            except Exception as error:  # noqa: BLE001 - the thread continues, and reports it
                if last_error != repr(error):
                    last_error = repr(error)
                    self._announce(EventCode.AUDIT_FAILED, error=last_error)
            seconds = max(self.every_seconds, _REST * (time.thread_time() - began))


def _shown(data: bytes) -> str:
    return data[:_SHOWN_BYTES].decode(errors="replace") + ("…" if len(data) > _SHOWN_BYTES else "")
