"""Redis as the rivals use it: through redis-py, and over a bare socket at the least cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cachedesk.stores.redis.connection import RedisConnection

_TIMEOUT_SECONDS = 10.0


class RedisCalls(Protocol):
    """The calls that the workloads need."""

    def get(self, key: bytes) -> object:
        """Return the value of ``key``."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> object:
        """Return the values of ``keys``, in one round trip."""
        ...

    def set(self, key: bytes, value: bytes) -> object:
        """Set one key."""
        ...

    def set_many(self, values: Mapping[bytes, bytes]) -> object:
        """Set many keys, each by its own command, in one round trip."""
        ...

    def incr(self, key: bytes) -> object:
        """Add one to a counter."""
        ...

    def incr_many(self, keys: Sequence[bytes]) -> object:
        """Add one to each counter, in one round trip."""
        ...

    def drop(self, keys: Sequence[bytes]) -> object:
        """Delete ``keys``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class ByRedisPy:
    """The usual client, which parses with hiredis here."""

    def __init__(self, socket_path: str) -> None:
        self.client: Any = redis.Redis(
            unix_socket_path=socket_path,
            socket_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.get: Any = self.client.get
        self.get_many: Any = self.client.mget
        self.set: Any = self.client.set
        self.incr: Any = self.client.incr

    def set_many(self, values: Mapping[bytes, bytes]) -> object:
        """Set many keys, each by its own command, in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(key, value)
        return pipeline.execute()

    def incr_many(self, keys: Sequence[bytes]) -> object:
        """Add one to each counter, in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.incr(key)
        return pipeline.execute()

    def drop(self, keys: Sequence[bytes]) -> object:
        """Delete ``keys``."""
        return self.client.unlink(*keys)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class ByBareSocket:
    """A plain socket and hiredis, with no client library in between."""

    def __init__(self, socket_path: str) -> None:
        self._wire = RedisConnection(socket_path, _TIMEOUT_SECONDS)

    def get(self, key: bytes) -> object:
        """Return the value of ``key``."""
        return self._wire.call(b"GET", key)

    def get_many(self, keys: Sequence[bytes]) -> object:
        """Return the values of ``keys``, in one round trip."""
        return self._wire.call(b"MGET", *keys)

    def set(self, key: bytes, value: bytes) -> object:
        """Set one key."""
        return self._wire.call(b"SET", key, value)

    def set_many(self, values: Mapping[bytes, bytes]) -> object:
        """Set many keys, each by its own command, in one round trip."""
        return self._wire.pipeline([(b"SET", *pair) for pair in values.items()])

    def incr(self, key: bytes) -> object:
        """Add one to a counter."""
        return self._wire.call(b"INCRBY", key, b"1")

    def incr_many(self, keys: Sequence[bytes]) -> object:
        """Add one to each counter, in one round trip."""
        return self._wire.pipeline([(b"INCRBY", key, b"1") for key in keys])

    def drop(self, keys: Sequence[bytes]) -> object:
        """Delete ``keys``."""
        return self._wire.call(b"UNLINK", *keys)

    def close(self) -> None:
        """Close the socket."""
        self._wire.close()


def dropped_in_parts(calls: RedisCalls, keys: Sequence[bytes]) -> None:
    """Delete any number of ``keys``."""
    for start in range(0, len(keys), 1_000):
        calls.drop(keys[start : start + 1_000])
