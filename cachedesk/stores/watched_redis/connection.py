"""One connection to a watched server: pipelined calls, and errors in words that help."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, Connection
from redis.exceptions import (
    ConnectionError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from cachedesk.core.watched_server import ServerUnreachable
from cachedesk.stores.watched_redis.address import Address
from cachedesk.stores.watched_redis.error_messages import plain, told

Command = tuple[bytes | str | int, ...]

_TAKEN = inspect.signature(AbstractConnection.__init__).parameters
# By default redis-py tells the server its name and version, by a command of its own. What turns
# that off has another name in newer versions, which warn of the older one.
_SILENT = ("driver_info",) if "driver_info" in _TAKEN else ("lib_name", "lib_version")
_SILENCE: dict[str, Any] = {name: None for name in _SILENT if name in _TAKEN}


class Link:
    """A connection that asks each command once: redis-py's own retries are off.

    Args:
        address: of the server.

    Raises:
        ServerUnreachable: nothing answers there.
        ServerRefused: it wants another user or password.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        arguments = dict(address.arguments)
        kind = arguments.pop("connection_class", Connection)
        self._connection = kind(**arguments, **_SILENCE, protocol=2, retry=Retry(NoBackoff(), 0))
        try:
            self._connection.connect()
        except RedisError as error:
            self.close()
            raise told(error, self._address, "") from None
        except (OSError, ValueError, TypeError) as error:
            # A certificate that cannot be read, an option of TLS that makes no sense.
            self.close()
            raise ServerUnreachable(f"cannot connect to {address.shown}: {plain(error)}") from None

    def call(self, *command: bytes | str | int) -> Any:
        """Return the reply to one command."""
        return self.call_all([command])[0]

    def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send ``commands`` in one piece and return their replies.

        Raises:
            ServerUnreachable: there is no answer in time; the connection is closed.
            ServerRefused: one of them was refused.
        """
        refused: ResponseError | None = None
        replies = []
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            for _ in commands:
                try:
                    replies.append(self._connection.read_response(disable_decoding=True))
                except ConnectionError:
                    raise
                except ResponseError as error:
                    refused = error
        except (RedisError, OSError) as error:
            self.close()
            raise told(error, self._address, "") from None
        if refused is not None:
            raise told(refused, self._address, str(commands[0][0]))
        return replies

    def has_line(self, seconds: float) -> bool:
        """Return whether something to read comes within so many seconds."""
        try:
            return bool(self._connection.can_read(timeout=seconds))
        except (RedisError, OSError) as error:
            self.close()
            raise told(error, self._address, "") from None

    def line(self) -> bytes:
        """Return the next line of MONITOR."""
        try:
            line = self._connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            self.close()
            raise told(error, self._address, "") from None
        return line if isinstance(line, bytes) else b""

    def close(self) -> None:
        """Close it."""
        self._connection.disconnect()
