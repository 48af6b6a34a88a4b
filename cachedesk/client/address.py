"""Addresses of a server: where it listens, and where its clients connect."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cachedesk.core.errors import ConfigError

SOCKET_NAME = "cachedesk.sock"
# Linux has room for 108 bytes with the final zero; macOS for 104.
_MOST_PATH_BYTES = 103
_TCP = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket file."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp:{host}:{self.port}"


Address = UnixAddress | TcpAddress


def default_address(directory: Path) -> UnixAddress:
    """Return the address in a data directory; errors as for ``parse_address``."""
    return _unix(directory / SOCKET_NAME)


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names: ``unix:PATH`` or ``tcp:HOST:PORT``.

    Raises:
        ConfigError: it is neither, or the path is too long for a socket.

    >>> str(parse_address("tcp:127.0.0.1:6380"))
    'tcp:127.0.0.1:6380'
    """
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest:
        return _unix(Path(rest))
    if kind == "tcp" and (found := _TCP.fullmatch(rest)) and 0 < int(found["port"]) < 65_536:
        return TcpAddress(found["v6"] or found["host"], int(found["port"]))
    raise ConfigError(
        f"cannot listen on {text!r}: write unix:PATH or tcp:HOST:PORT, such as tcp:127.0.0.1:6380"
    )


def _unix(path: Path) -> UnixAddress:
    absolute = path.absolute()
    if len(os.fsencode(absolute)) > _MOST_PATH_BYTES:
        raise ConfigError(
            f"the path of the socket {absolute} has over {_MOST_PATH_BYTES} bytes, which is too"
            " long for a socket; name a shorter one with --listen unix:PATH"
        )
    return UnixAddress(absolute)
