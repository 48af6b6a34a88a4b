"""The command ``cachedesk up``: how it starts, how it ends, and what it refuses."""

from __future__ import annotations

import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.until import until

from .running import Up


def refused(server: Up) -> str:
    """Return the one line with which it refuses to start."""
    _, said = server.process.communicate(timeout=60)
    assert server.process.returncode == 2, said
    return said.decode().strip().splitlines()[-1]


def test_only_the_owner_may_use_the_socket(up: Callable[..., Up]) -> None:
    server = up().wait()
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(up: Callable[..., Up], number: int, code: int) -> None:
    server = up().wait()
    with server.client() as client:
        client.incr("views:1")
        ended, said = server.end(number)
    assert (ended, server.path.exists()) == (code, False)
    lines = said.splitlines()
    assert lines[0].startswith("cachedesk: serving ")
    assert lines[-1] in ("cachedesk: stopped by SIGTERM", "cachedesk: stopped by Ctrl-C")
    again = up().wait()
    with again.client() as client:
        assert client.get("views:1") == b"1"


def test_what_was_received_before_the_signal_is_answered(up: Callable[..., Up]) -> None:
    server = up().wait()
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(server.path))
        wire.sendall(b"INCR order:1\r\n" * 200)
        answered = wire.recv(4)
        server.process.send_signal(signal.SIGTERM)
        while data := wire.recv(65_536):
            answered += data
    server.process.communicate(timeout=60)
    count = answered.count(b"\r\n")
    assert answered.endswith(b":%d\r\n" % count)
    again = up().wait()
    with again.client() as client:
        assert client.get("order:1") == b"%d" % count


def test_what_is_left_is_told(up: Callable[..., Up], folder: Path) -> None:
    server = up(
        "--drain-seconds", "0.5", CACHEDESK_FAILPOINTS="worker.apply.before_commit=sleep(3000)"
    ).wait()
    with server.client() as client:
        client.incr("views:1")
    ended, said = server.end(signal.SIGTERM)
    assert ended == 143
    assert "1 event still pending after 0.5 s; they stay in the log" in said


def test_a_directory_in_use_is_one_line(up: Callable[..., Up]) -> None:
    first = up().wait()
    line = refused(up())
    assert f"process {first.process.pid}" in line
    with first.client() as client:
        assert client.ping()


def test_an_address_in_use_is_one_line(up: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(up("--listen", f"tcp:127.0.0.1:{port}", CACHEDESK_PASSWORD="x"))
    assert line == f"cachedesk: tcp:127.0.0.1:{port} is in use; choose another address"


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("tcp:127.0.0.1:6399", "TCP needs a password"),
        ("tcp:127.0.0.1", "write unix:PATH or tcp:HOST:PORT"),
        ("tcp:127.0.0.1:99999", "write unix:PATH or tcp:HOST:PORT"),
        ("udp:1", "write unix:PATH or tcp:HOST:PORT"),
        ("unix:", "write unix:PATH or tcp:HOST:PORT"),
        ("", "write unix:PATH or tcp:HOST:PORT"),
        ("unix:/" + "x" * 110, "too long for a socket"),
    ],
)
def test_a_bad_address_is_one_line_and_changes_nothing(
    up: Callable[..., Up], folder: Path, listen: str, says: str
) -> None:
    assert says in refused(up("--listen", listen))
    assert not (folder / "data").exists()


def test_a_file_in_the_place_of_the_socket_is_kept(up: Callable[..., Up], folder: Path) -> None:
    place = folder / "notes"
    place.write_text("mine")
    assert "there is a file of that name" in refused(up("--listen", f"unix:{place}"))
    assert place.read_text() == "mine"


def test_a_password_from_a_file(up: Callable[..., Up], folder: Path) -> None:
    (folder / "password").write_text("secret\n")
    server = up("--password-file", str(folder / "password"))
    until(server.path.exists)
    with server.client(password="secret") as client:
        assert client.ping()
    with server.client() as client, pytest.raises(Exception, match="already authenticated"):
        client.ping()


def test_an_empty_password_is_refused(up: Callable[..., Up], folder: Path) -> None:
    (folder / "password").write_text("\n")
    assert "The password is empty" in refused(up("--password-file", str(folder / "password")))
