"""The URL of a watched server: what to connect with, and how to name it without its password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis.connection import parse_url

from cachedesk.core.errors import ConfigError

TIMEOUT_SECONDS = 2.0

_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}
"""The schemes that are taken, and what redis-py calls each."""

_QUERY = frozenset(
    {
        "db", "username", "password", "socket_timeout", "socket_connect_timeout", "ssl_keyfile",
        "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data",
        "ssl_check_hostname", "ssl_password", "ssl_min_version", "ssl_ciphers",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        shown: the URL without user and password, for messages and screens.
        user: the ACL user, "default" if none is named.
        database: the number of the database.
        encrypted: TLS is used.
        arguments: of redis-py's connection, its class among them.
    """

    shown: str
    user: str
    database: int
    encrypted: bool
    arguments: dict[str, Any]


def parsed(url: str) -> Address:
    """Return the address that ``url`` names.

    Raises:
        ConfigError: it names none; the message does not repeat a password.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _SCHEMES:
        raise ConfigError(
            "the URL of a server begins with redis://, rediss://, unix://, valkey:// or valkeys://"
        )
    try:
        ours = f"{_SCHEMES[scheme]}://{rest}"
        parts = urlsplit(ours)
        port = parts.port
        names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        arguments: dict[str, Any] = parse_url(ours)  # type: ignore[no-untyped-call]
    except ValueError as error:
        # The message may quote the URL.
        raise ConfigError(f"the URL of the server cannot be read: {_reason(error)}") from None
    if unknown := sorted(names - _QUERY):
        raise ConfigError(f"the URL of the server has an unknown option {unknown[0]!r}")
    arguments.setdefault("socket_timeout", TIMEOUT_SECONDS)
    arguments.setdefault("socket_connect_timeout", TIMEOUT_SECONDS)
    if parts.scheme == "unix":
        if not arguments.get("path"):
            raise ConfigError("the URL of the server names no socket; write unix:///path.sock")
        place = str(arguments["path"])
    else:
        path = parts.path.strip("/")
        if path and not path.isdecimal():
            raise ConfigError(f"the database in the URL is a number, not {path!r}")
        host = arguments.setdefault("host", "localhost")
        place = f"{f'[{host}]' if ':' in host else host}:{port or 6379}"
    database = int(arguments.get("db") or 0)
    shown = f"{scheme}://{place}" + (f"/{database}" if database else "")
    user = str(arguments.get("username") or "default")
    return Address(shown, user, database, parts.scheme == "rediss", arguments)


def _reason(error: ValueError) -> str:
    text = str(error)
    return text if text.startswith(("Port ", "Invalid value for", "Invalid IPv6")) else "not a URL"
