"""The URL of a watched server: what to connect with, and how to name it without its password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

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

_CERTIFICATE_CHECKS = ("none", "optional", "required")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        shown: the URL without user and password, for messages and screens.
        user: the ACL user, "default" if none is named.
        database: the number of the database.
        encrypted: TLS is used.
        is_socket_file: it is a socket file, not a host.
        arguments: of redis-py's connection, its class among them.
    """

    shown: str
    user: str
    database: int
    encrypted: bool
    is_socket_file: bool
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
    except ValueError as error:
        raise _unreadable(_reason(error)) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check_user_information(parts, options)
    try:
        port = parts.port
        arguments: dict[str, Any] = parse_url(ours)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise _unreadable(_reason(error)) from None
    if unknown := sorted(options.keys() - _QUERY):
        raise ConfigError(f"the URL of the server has an unknown option {unknown[0]!r}")
    encrypted = parts.scheme == "rediss"
    _check_encryption(options, encrypted)
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
    return Address(shown, user, database, encrypted, parts.scheme == "unix", arguments)


def _check_user_information(parts: SplitResult, options: Mapping[str, str]) -> None:
    """Refuse a URL whose user or password is cut short by a character with a meaning of its own.

    Else the rest of a password would be taken for a path or an option, and shown.
    """
    if parts.scheme == "unix":
        cut = bool(parts.netloc) and not parts.netloc.endswith("@")
    else:
        cut = "@" in parts.path
    if cut or "@" in parts.fragment or any("@" in name for name in options):
        raise _unreadable(
            "in a user name or password write / as %2F, ? as %3F, # as %23 and @ as %40"
        )


def _check_encryption(options: Mapping[str, str], encrypted: bool) -> None:
    for name in options:
        if name.startswith("ssl_") and not encrypted:
            raise ConfigError(f"the option {name} in the URL needs rediss:// or valkeys://")
    if options.get("ssl_cert_reqs", "none") not in _CERTIFICATE_CHECKS:
        raise ConfigError(
            f"the option ssl_cert_reqs in the URL is one of {', '.join(_CERTIFICATE_CHECKS)}"
        )


def _unreadable(reason: str) -> ConfigError:
    return ConfigError(f"the URL of the server cannot be read: {reason}")


def _reason(error: ValueError) -> str:
    # The text may quote the URL; that of a wrong port, a part of a password.
    text = str(error)
    if text.startswith("Port "):
        return "the port is not a number from 0 to 65535"
    return text if text.startswith(("Invalid value for", "Invalid IPv6")) else "not a URL"
