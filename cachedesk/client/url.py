"""Where a server is, as a user writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cachedesk.client.address import UnixAddress, default_address, parse_address
from cachedesk.core.errors import ConfigError


def connection_options(where: str | os.PathLike[str]) -> dict[str, Any]:
    """Return how to connect, for a connection of redis-py.

    Args:
        where: a data directory, ``unix:PATH``, ``tcp:HOST:PORT``, or a URL as Redis clients have
            it: ``redis://:PASSWORD@HOST:PORT``, ``unix://PATH``.

    Raises:
        ConfigError: it is none of these.
    """
    text = os.fspath(where)
    if text.startswith("redis://"):
        return _of_url(text)
    if text.startswith(("unix:", "tcp:")):
        address = parse_address(text.replace("unix://", "unix:", 1))
    elif not text or "://" in text:
        raise ConfigError(
            f"cannot connect to {text!r}: write a data directory, unix:PATH, tcp:HOST:PORT or"
            " redis://:PASSWORD@HOST:PORT"
        )
    else:
        address = default_address(Path(text))
    if isinstance(address, UnixAddress):
        return {"path": str(address.path)}
    return {"host": address.host, "port": address.port}


def _of_url(text: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text)
        options: dict[str, Any] = {"host": parts.hostname or "localhost"}
        options["port"] = parts.port or 6379
    except ValueError as error:
        raise ConfigError(f"cannot connect to {text!r}: {error}") from None
    if parts.path not in ("", "/", "/0"):
        raise ConfigError(f"cannot connect to {text!r}: there is only database 0")
    if parts.password:
        options["password"] = unquote(parts.password)
    return options
