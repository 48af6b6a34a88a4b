"""Client: the calls of the library, carried out by a server (``cachedesk up``).

Nothing is retried. A write that was sent and not answered may have been made, and to send it again
could make it twice; the caller is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

import msgspec
import redis
from msgspec import UNSET, UnsetType
from redis.backoff import NoBackoff
from redis.retry import Retry

from cachedesk.client.errors import raised
from cachedesk.client.url import connection_options
from cachedesk.core.errors import OutcomeUnknown, Unavailable
from cachedesk.core.events import as_key, as_keys, as_value
from cachedesk.core.expiry import as_ttl
from cachedesk.core.writes import Level, Receipt

Key = bytes | str
Value = bytes | str | int
Ttl = float | str

_SCANNED_AT_ONCE = 1_000
_encode = msgspec.msgpack.Encoder().encode


class Client:
    """A connection to a server, or several: one for each thread that calls at the same time.
    Thread-safe. Created by ``cachedesk.connect``; close it, or use ``with``.

    Keys, values, receipts and errors are those of the library. ``Unavailable`` also means that the
    server cannot be reached; ``OutcomeUnknown``, that it went away before it answered: the write
    is made once, or not at all.
    """

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        password: str | None = None,
        timeout_seconds: float = 30.0,
        connections: int = 64,
    ) -> None:
        """Prepare; the first call connects. Arguments and errors as for ``cachedesk.connect``."""
        options = connection_options(where)
        if password is not None:
            options["password"] = password
        self._where = os.fspath(where)
        self._pool: Any = redis.BlockingConnectionPool(  # type: ignore[no-untyped-call]
            max_connections=connections,
            timeout=timeout_seconds,
            connection_class=redis.UnixDomainSocketConnection
            if "path" in options
            else redis.Connection,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=3,
            **options,
        )

    def __repr__(self) -> str:
        return f"<Client of {self._where!r}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._pool.disconnect()

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the value of ``key`` as bytes, or ``default`` if it is absent; see
        ``CacheLayer.get``."""
        value = self._read("GET", as_key(key))
        return default if value is None else value

    def get_many(self, keys: Iterable[Key]) -> list[bytes | None]:
        """Return the values of ``keys``, in their order."""
        wanted = as_keys(keys)
        return self._read("MGET", *wanted) if wanted else []

    def __contains__(self, key: Key) -> bool:
        return bool(self._read("EXISTS", as_key(key)))

    def keys(self) -> Iterator[bytes]:
        """Yield every key, in the order of their bytes."""
        cursor = b"0"
        while True:
            cursor, found = self._read("SCAN", cursor, "COUNT", _SCANNED_AT_ONCE)
            yield from found
            if cursor == b"0":
                return

    def set(self, key: Key, value: Value, *, ttl: Ttl | UnsetType | None = UNSET) -> Receipt:
        """Set ``key`` to ``value``; see ``CacheLayer.set``."""
        more = () if isinstance(ttl, UnsetType) else (ttl,)
        return self.write(("set", key, value, *more))

    def add(self, key: Key, value: Value, *, ttl: Ttl | UnsetType | None = UNSET) -> bool:
        """Set ``key`` to ``value`` if it is absent; return whether it was."""
        more = () if isinstance(ttl, UnsetType) else (ttl,)
        return self.write(("add", key, value, *more)).changed

    def incr(self, key: Key, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key`` and return the sum; see ``CacheLayer.incr``."""
        return int(self.write(("incr", key, amount)).value or 0)

    def delete(self, key: Key) -> Receipt:
        """Delete ``key``."""
        return self.write(("delete", key))

    def expire(self, key: Key, ttl: Ttl) -> bool:
        """Let ``key`` expire in ``ttl`` from now on; return whether it was present."""
        return self.write(("expire", key, ttl)).changed

    def persist(self, key: Key) -> bool:
        """Remove the expiry of ``key``; return whether it had one."""
        return self.write(("persist", key)).changed

    def ttl(self, key: Key) -> float | None:
        """Return in how many seconds ``key`` expires; ``None``: never, or it is absent."""
        milliseconds = self._read("PTTL", as_key(key))
        return milliseconds / 1000 if milliseconds >= 0 else None

    def ping(self) -> None:
        """Return if the server answers; raise ``Unavailable`` if it does not."""
        self._read("PING")

    def write(self, operation: Sequence[object]) -> Receipt:
        """Carry out one operation, a tuple as for ``write_many``, and return its receipt."""
        return self.write_many([operation])[0]

    def write_many(self, operations: Iterable[Sequence[object]]) -> list[Receipt]:
        """Carry out many writes together; operations, receipts and errors as for
        ``CacheLayer.write_many``."""
        payload = _encode([_checked(operation) for operation in operations])
        receipts = self._call(("CACHEDESK.WRITE", payload), writes=True)
        return [
            Receipt(seq, Level(level.decode()), value, bool(changed))
            for seq, level, value, changed in receipts
        ]

    def _read(self, *words: str | bytes | int) -> Any:
        return self._call(words, writes=False)

    def _call(self, words: Sequence[str | bytes | int], *, writes: bool) -> Any:
        try:
            connection = self._pool.get_connection()
        except redis.RedisError as error:
            raise Unavailable(f"the server of {self._where} cannot be reached: {error}") from error
        try:
            connection.send_command(*words)
            return connection.read_response()
        except redis.ResponseError as error:
            raise raised(str(error)) from None
        except redis.RedisError as error:
            connection.disconnect()
            text = f"the server of {self._where} did not answer: {error}"
            raise (OutcomeUnknown if writes else Unavailable)(text) from error
        except BaseException:
            # Its reply is still to come, and would be taken for that of the next command.
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)


def _checked(operation: Sequence[object]) -> Sequence[object]:
    """Return an operation as it is sent: errors of arguments are raised here, before it is."""
    match operation:
        case ("set" | "add" as name, key, value):
            return name, as_key(key), as_value(value)  # type: ignore[arg-type]
        case ("set" | "add" as name, key, value, ttl):
            return name, as_key(key), as_value(value), _seconds(ttl)  # type: ignore[arg-type]
        case ("expire", key, ttl, *rest):
            return "expire", as_key(key), as_ttl(ttl), *rest  # type: ignore[arg-type]
        case (name, key, *rest):
            return name, as_key(key), *rest  # type: ignore[arg-type]
    return operation


def _seconds(ttl: Ttl | None) -> float | None:
    return None if ttl is None else as_ttl(ttl)
