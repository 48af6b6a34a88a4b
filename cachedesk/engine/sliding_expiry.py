"""Sliding expiry: a read gives a value its full time to live again.

The expiry is part of the truth, so a renewal is a write. A read renews only after a tenth of the
ttl has passed since the last renewal, and so a value that is read often costs few writes: it
expires between nine tenths of its ttl and its whole ttl after the last read. (ASP.NET Core renews
after half of a sliding expiration for the same reason.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import LogFull, Unavailable, WriteRefused
from cachedesk.core.events import ExpireOnly, Op
from cachedesk.core.policy import RENEWED_AFTER, PolicyTable
from cachedesk.core.truth import Truth
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change
from cachedesk.engine.writer import Writer

_MOST_KEYS = 100_000
_PAUSE_SECONDS = 5.0


class SlidingExpiry:
    """Renews the expiry of keys that are read, if their policies slide. Thread-safe."""

    def __init__(self, policies: PolicyTable, truth: Truth, writer: Writer) -> None:
        """Prepare.

        Args:
            policies: says which keys slide, and their times to live.
            truth: holds the expiry of each key; Redis does not return it with a value.
            writer: makes the renewals.
        """
        self._policies = policies
        self._truth = truth
        self._writer = writer
        # When a read may next have to renew a key.
        self._due: dict[bytes, float] = {}
        self._retry_at = 0.0

    def due(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return those of ``keys`` that slide and whose renewal may be due."""
        now, due, of = wall_seconds(), self._due, self._policies.of
        if now < self._retry_at:
            return []
        return [key for key in keys if due.get(key, now) <= now and of(key).sliding]

    def renew(self, keys: Sequence[bytes]) -> None:
        """Renew ``keys``, unless they are absent, never expire, or have more than nine tenths of
        their ttl left.

        The read has its value and does not fail because its renewal does. After a failure nothing
        is renewed for a while, because each attempt could make a read wait for what is down.
        """
        if len(self._due) + len(keys) > _MOST_KEYS:
            self._due.clear()
        try:
            self._renew(keys)
        except (Unavailable, LogFull, WriteRefused):
            self._retry_at = wall_seconds() + _PAUSE_SECONDS

    def _renew(self, keys: Sequence[bytes]) -> None:
        found, now = self._truth.read(keys), wall_seconds()
        changes: list[Change] = []
        paths: list[WritePath] = []
        again: dict[bytes, float] = {}
        for key in keys:
            policy, expires_at = self._policies.of(key), found[key].expires_at
            ttl = policy.ttl_seconds or 0.0
            fresh = ttl * RENEWED_AFTER
            if expires_at is not None and (early := expires_at - now - (ttl - fresh)) < 0:
                # Only to a later time, because the key may be written meanwhile.
                changes.append(Change(Op.EXPIRE, key, int(ExpireOnly.GT), policy.deadline()))
                paths.append(policy.path)
            elif expires_at is not None:
                fresh = early
            again[key] = now + fresh
        if changes:
            self._writer.write(changes, paths)
        self._due.update(again)
