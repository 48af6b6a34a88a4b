"""One connection to a watched server: pipelined calls, and errors in words that help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, Connection
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from cachedesk.core.watched_server import ServerRefused, ServerUnreachable
from cachedesk.stores.watched_redis.address import Address

Command = tuple[bytes | str | int, ...]

_TAKEN = inspect.signature(AbstractConnection.__init__).parameters
# By default redis-py tells the server its name and version, by a command of its own. What turns
# that off has another name in newer versions, which warn of the older one.
_SILENT = ("driver_info",) if "driver_info" in _TAKEN else ("lib_name", "lib_version")
_SILENCE: dict[str, Any] = {name: None for name in _SILENT if name in _TAKEN}

_PASSING = ("BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
"""How refusals begin that pass by themselves."""

_DENIED = re.compile(r"run the '([^']+)' command")
_DENIED_SUBCOMMAND = re.compile(r"'([a-z|-]+)' (?:command|subcommand)")


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
            raise self.as_ours(error) from None
        except (OSError, ValueError, TypeError) as error:
            # A certificate that cannot be read, an option of TLS that makes no sense.
            self.close()
            raise ServerUnreachable(f"cannot connect to {address.shown}: {_plain(error)}") from None

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
            raise self.as_ours(error) from None
        if refused is not None:
            raise self.as_ours(refused, str(commands[0][0]))
        return replies

    def has_line(self, seconds: float) -> bool:
        """Return whether something to read comes within so many seconds."""
        try:
            return bool(self._connection.can_read(timeout=seconds))
        except (RedisError, OSError) as error:
            self.close()
            raise self.as_ours(error) from None

    def line(self) -> bytes:
        """Return the next line of MONITOR."""
        try:
            line = self._connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            self.close()
            raise self.as_ours(error) from None
        return line if isinstance(line, bytes) else b""

    def close(self) -> None:
        """Close it."""
        self._connection.disconnect()

    def as_ours(self, error: Exception, command: str = "") -> ServerRefused | ServerUnreachable:
        """Return the error to raise for one of redis-py.

        Args:
            error: that of redis-py.
            command: what was asked.
        """
        where, text = self._address.shown, _plain(error)
        if text.startswith("NOPERM") or "has no permissions" in text or "no permissions" in text:
            return ServerRefused(_denied(text, command, where, self._address.user))
        if isinstance(error, AuthenticationError) or text.startswith(("NOAUTH", "WRONGPASS")):
            if "invalid" in text.lower() or "WRONGPASS" in text:
                return ServerRefused(f"{where}: wrong user name or password")
            return ServerRefused(f"{where} needs a password: write redis://USER:PASSWORD@HOST")
        if isinstance(error, ConnectionError | OSError | TimeoutError) or _is_timeout(error):
            return ServerUnreachable(_gone(where, text, error))
        if isinstance(error, ResponseError) and text.lower().startswith("unknown command"):
            name = command.upper()
            without = "; use --no-monitor" if name == "MONITOR" else ""
            return ServerRefused(f"{where} does not have the command {name}{without}")
        if isinstance(error, ResponseError) and not text.startswith(_PASSING):
            return ServerRefused(f"{where}: {text}")
        return ServerUnreachable(f"{where}: {text}")


def _denied(text: str, command: str, where: str, user: str) -> str:
    found = _DENIED.search(text) or _DENIED_SUBCOMMAND.search(text)
    name = (found[1] if found else command).lower()
    if "key" in text and "command" not in text:
        return f"{where}: the user {user} may not look at every key; allow: ACL SETUSER {user} ~*"
    right = "memory|usage" if name == "memory" else name
    without = ", or use --no-monitor" if name == "monitor" else ""
    shown = right.replace("|", " ").upper()
    return (
        f"{where}: the user {user} may not run {shown}; allow: ACL SETUSER {user} +{right}{without}"
    )


def _gone(where: str, text: str, error: Exception) -> str:
    if _is_timeout(error):
        return f"no answer from {where}"
    reason = text.rpartition("Error ")[2] if "connecting to" in text else text
    known = (
        ("refused", "connection refused"),
        ("No such file", "there is no such socket, or no such certificate file"),
        ("reset by peer", "connection reset; if it wants TLS, use rediss://"),
        ("Permission denied", "permission denied"),
        ("name or service not known", "host name not known"),
        ("name resolution", "host name not known"),
        ("CERTIFICATE_VERIFY", "its certificate cannot be verified; name ssl_ca_certs in the URL"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS; use redis://"),
    )
    short = next((says for sign, says in known if sign.lower() in text.lower()), reason)
    return f"cannot connect to {where}: {short}"


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower()


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
