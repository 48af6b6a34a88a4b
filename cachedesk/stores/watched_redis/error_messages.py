"""What to tell a user of an error of redis-py: what is wrong, and what to write instead.

redis-py has no error classes for most of these cases, so they are told by the text: of the server,
of OpenSSL, or of the operating system.
"""

from __future__ import annotations

import re
from pathlib import Path

from redis.exceptions import AuthenticationError, ConnectionError, ResponseError

from cachedesk.core.watched_server import ServerRefused, ServerUnreachable
from cachedesk.stores.watched_redis.address import Address

_PASSING = ("BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
"""How refusals begin that pass by themselves."""

_DENIED = re.compile(r"run the '([^']+)' command")
_DENIED_SUBCOMMAND = re.compile(r"'([a-z|-]+)' (?:command|subcommand)")
_PLACE = re.compile(
    r"^(?:Error )?(?:-?\d+ )?(?:connecting to [^ ]+\. |while reading from [^ ]+ : )"
)

_OWN_CERTIFICATE = re.compile(
    "CERTIFICATE_REQUIRED|ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE|HANDSHAKE_FAILURE)"
)
_NAME_A_CERTIFICATE = "name ssl_certfile and ssl_keyfile in the URL"

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_AUTHORITIES = ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data")

_REASONS = (
    ("refused", "connection refused"),
    ("No such file", "there is no such socket"),
    ("reset by peer", "connection reset; if it wants TLS, use rediss://"),
    ("Permission denied", "permission denied"),
    ("name or service not known", "host name not known"),
    ("name resolution", "host name not known"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; use redis://"),
    (
        "address mismatch",
        "its certificate is for another address; use a name that is in it,"
        " or ssl_check_hostname=false",
    ),
    (
        "Hostname mismatch",
        "its certificate is for another host name; use a name that is in it,"
        " or ssl_check_hostname=false",
    ),
    ("certificate has expired", "its certificate has expired"),
    ("not yet valid", "its certificate is not valid yet"),
    ("NO_CERTIFICATE_OR_CRL", "there is no certificate in the file of ssl_ca_certs"),
    ("KEY_VALUES_MISMATCH", "ssl_keyfile is not the key of ssl_certfile"),
    ("PEM lib", "the files of ssl_certfile and ssl_keyfile are not a certificate and its key"),
)
"""What an error says, and what to tell; for one that depends on the URL, see ``_reason``."""


def told(error: Exception, address: Address, command: str) -> ServerRefused | ServerUnreachable:
    """Return the error to raise for one of redis-py.

    Args:
        error: that of redis-py.
        address: of the server.
        command: what was asked; empty: a connection.
    """
    where, text = address.shown, plain(error)
    if text.startswith("NOPERM") or "no permissions" in text.lower():
        return ServerRefused(_denied(text, command, where, address.user))
    if isinstance(error, AuthenticationError) or text.startswith(("NOAUTH", "WRONGPASS")):
        if "invalid" in text.lower() or "WRONGPASS" in text:
            return ServerRefused(f"{where}: wrong user name or password")
        place = "/path.sock" if address.is_socket_file else "HOST"
        scheme = address.shown.partition("://")[0]
        return ServerRefused(f"{where} needs a password: write {scheme}://USER:PASSWORD@{place}")
    if isinstance(error, ConnectionError | OSError) or _is_timeout(error):
        return ServerUnreachable(_gone(text, error, address))
    if isinstance(error, ResponseError) and text.lower().startswith("unknown command"):
        name = command.upper()
        without = "; use --no-monitor" if name == "MONITOR" else ""
        return ServerRefused(f"{where} does not have the command {name}{without}")
    if isinstance(error, ResponseError) and not text.startswith(_PASSING):
        return ServerRefused(f"{where}: {text}")
    return ServerUnreachable(f"{where}: {text}")


def plain(error: Exception) -> str:
    """Return the text of ``error`` in one line."""
    return " ".join(str(error).split()) or type(error).__name__


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


def _gone(text: str, error: Exception, address: Address) -> str:
    if _is_timeout(error):
        is_plain = address.encrypted and "connecting" in text
        return f"no answer from {address.shown}" + (
            "; if it does not speak TLS, use redis://" if is_plain else ""
        )
    return f"cannot connect to {address.shown}: {_reason(text, address)}"


def _reason(text: str, address: Address) -> str:
    if address.encrypted:
        for name in _FILES:
            path = address.arguments.get(name)
            if path and "No such file" in text and not Path(path).exists():
                return f"there is no file {path}, which {name} names"
        if "EOF occurred" in text:
            return f"connection closed; if it asks for a certificate, {_NAME_A_CERTIFICATE}"
        if _OWN_CERTIFICATE.search(text):
            if address.arguments.get("ssl_certfile"):
                return "it does not accept the certificate of ssl_certfile"
            return f"it asks for a certificate; {_NAME_A_CERTIFICATE}"
    for sign, says in _REASONS:
        if sign.lower() in text.lower():
            return says
    if "CERTIFICATE_VERIFY" in text:
        for name in _AUTHORITIES:
            if address.arguments.get(name):
                return f"its certificate is not signed by an authority of {name}"
        return "its certificate cannot be verified; name ssl_ca_certs in the URL"
    return _PLACE.sub("", text)


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower()
