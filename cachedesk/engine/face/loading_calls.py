"""``get_or_set``: a value that is absent is loaded once and stored, unless it was written since."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

from msgspec import UNSET, UnsetType

from cachedesk.core.errors import InvalidValue, OutcomeUnknown, Unavailable
from cachedesk.core.events import Entry, Op, as_key
from cachedesk.core.expiry import as_ttl, deadline_of
from cachedesk.core.policy import Policy, as_policy
from cachedesk.core.reads import Read
from cachedesk.core.write_path import WritePath
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.expiry_calls import Key, Ttl
from cachedesk.engine.face.flights import Flight, Flights
from cachedesk.engine.face.mapping_calls import Value

Loader = Callable[[], Value | None]
Load = Callable[[], bytes | None]


class LoadingCalls(ABC):
    """The part of ``CacheLayer`` that loads absent values."""

    _flights: Flights

    def get_or_set(
        self,
        key: Key,
        value: Value | Loader,
        *,
        ttl: Ttl | UnsetType | None = UNSET,
        policy: str | Policy | None = None,
    ) -> bytes | None:
        """Return the value of ``key``; if it is absent, store ``value`` and return it.

        Args:
            key: 1 to 1,024 bytes.
            value: the value, or a function without arguments that loads it. The function is called
                on this thread, outside of all locks, by one caller per key at a time; others wait
                for its result.
            ttl, policy: as for ``set``.

        Returns:
            The value that is stored, in the form in which ``get`` returns it. If the key is written
            or deleted while the value is loaded, the loaded value is not stored: it may be older
            than the write. If the loader returns ``None``, nothing is stored and ``None`` is
            returned; the next call loads again. A loaded value that cannot be stored now is
            returned all the same.

        Raises:
            InvalidKey, InvalidValue: as for ``set``.
            Unavailable: whether the key is absent cannot be known; nothing was loaded.
            WriteRefused: the database refuses the value.
            Any error of the loader, also in the callers that wait for it; nothing is stored.

        >>> cache.get_or_set("user:1", lambda: "Ann", ttl="5m")
        b'Ann'
        >>> cache.get_or_set("user:1", lambda: 1 / 0)
        b'Ann'
        """
        key = as_key(key)
        if not isinstance(ttl, UnsetType) and ttl is not None:
            as_ttl(ttl)
        chosen = self.policy(key) if policy is None else as_policy(policy)
        if callable(value):
            data = self._get_or_set(key, lambda: self._loaded(key, value()), ttl, chosen)
        else:
            data = self._encode(key, value)
            data = self._get_or_set(key, lambda: data, ttl, chosen)
        return None if data is None else cast("bytes", self._decode(key, data))

    def _loaded(self, key: bytes, value: Value | None) -> bytes | None:
        return None if value is None else self._encode(key, value)

    def _get_or_set(
        self, key: bytes, load: Load, ttl: Ttl | UnsetType | None, policy: Policy
    ) -> bytes | None:
        """Return the value of ``key`` as it is stored; if it is absent, store what ``load`` returns
        and return that. ``load`` returns ``None`` if there is nothing to store."""
        while (found := self._fetch(key).value) is None:
            own = Flight()
            try:
                flight = self._flights.join(key, own)
                if flight is own:
                    return self._load(key, load, own, ttl, policy)
            finally:
                self._flights.end(key, own)
            if flight.thread is own.thread:
                raise InvalidValue(f"the loader of {key!r} needs the value that it loads")
            if flight.wait():
                if flight.error is not None:
                    raise flight.error
                return flight.value
        return found

    def _load(
        self,
        key: bytes,
        load: Load,
        flight: Flight,
        ttl: Ttl | UnsetType | None,
        policy: Policy,
    ) -> bytes | None:
        """Load the value on a flight of this caller, and store it."""
        try:
            # Again: an earlier flight may have ended since the caller found nothing.
            result = self._fetch(key).value
            if result is None and (result := load()) is not None:
                result = self._store(key, result, flight, ttl, policy)
        except Exception as error:
            flight.land(error=error)
            raise
        flight.land(result)
        return result

    def _store(
        self,
        key: bytes,
        value: bytes,
        flight: Flight,
        ttl: Ttl | UnsetType | None,
        policy: Policy,
    ) -> bytes:
        """Store ``value`` if the key is absent and was not written since the flight began; return
        what the key has now, or ``value`` if it has none."""

        def still_absent(entry: Entry) -> bool:
            return entry.value is None and not flight.outdated

        until = policy.deadline() if isinstance(ttl, UnsetType) else deadline_of(ttl)
        change = Change(Op.SET, key, value, until, still_absent)
        try:
            receipt = self._make_loaded(change, policy.path)
        except (Unavailable, OutcomeUnknown):
            return value
        return value if receipt.value is None else receipt.value

    @abstractmethod
    def _fetch(self, key: bytes) -> Read:
        """Read ``key``; its value is as it is stored."""

    @abstractmethod
    def _encode(self, key: bytes, value: Any) -> bytes:
        """Return a value of ``key`` as it is stored."""

    @abstractmethod
    def _decode(self, key: bytes, data: bytes) -> Any:
        """Return the value of ``key`` that is stored as ``data``."""

    @abstractmethod
    def policy(self, key: Key) -> Policy:
        """See ``CacheLayer.policy``."""

    @abstractmethod
    def _make_loaded(self, change: Change, path: WritePath) -> Receipt:
        """Make a change that does not outdate the flights of its key."""
