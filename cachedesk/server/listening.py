"""Sockets that listen: a socket file that only its owner can use, or a port."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from cachedesk.client.address import Address, TcpAddress, UnixAddress
from cachedesk.core.errors import ConfigError

_BACKLOG = 512
_OWNER_ONLY = 0o177


def listen(address: Address) -> socket.socket:
    """Return a socket that listens on ``address``.

    A socket file whose server has died is replaced; no other file is.

    Raises:
        ConfigError: the address is in use, or cannot be used.
    """
    try:
        if isinstance(address, UnixAddress):
            return _listen_unix(address.path)
        return _listen_tcp(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"{address} is in use; choose another address") from None
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot listen on {address}: {reason}") from None


def remove(address: Address) -> None:
    """Remove the socket file of an address that is no longer listened on."""
    if isinstance(address, UnixAddress):
        with suppress(FileNotFoundError):
            address.path.unlink()


def _listen_tcp(address: TcpAddress) -> socket.socket:
    family, kind, proto, _, where = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, proto)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _listen_unix(path: Path) -> socket.socket:
    _remove_dead(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The file must never exist with other permissions, not even for a moment.
        before = os.umask(_OWNER_ONLY)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"cannot listen on unix:{path}: there is a file of that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except FileNotFoundError:
            return
        else:
            raise ConfigError(f"unix:{path} is in use; choose another address")
