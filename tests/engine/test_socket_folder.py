"""The folder of Redis's socket: private, never taken over by another program, never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cachedesk.core.commands import Inject
from cachedesk.core.errors import CacheError
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.socket_folder import (
    SOCKET_NAME,
    SocketFolder,
    _is_served,
    remove_abandoned,
)

from .scenarios import running, wait_until_trusted
from .until import until

LONG_AGO = 1_000_000_000


@contextmanager
def impostor(path: Path) -> Iterator[list[bytes]]:
    """Listen at ``path`` and answer everything with a value that nobody has written."""
    heard: list[bytes] = []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    while data := client.recv(65_536):
                        heard.append(data)
                        client.sendall(b"$6\r\nFORGED\r\n")

    thread = threading.Thread(target=serve, name="impostor", daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(60)


def test_a_folder_that_another_user_made_in_its_place_is_not_used(stack: Stack) -> None:
    folder = Path(stack.redis_socket).parent
    stack.layer.set("order:1", b"paid")
    shutil.rmtree(folder)
    folder.mkdir()
    folder.chmod(0o777)
    with impostor(folder / "redis.sock") as heard:
        stack.perform(Inject("redis.kill"))
        until(lambda: stack.snapshot().redis.restarts == 1)
        wait_until_trusted(stack)
        assert Path(stack.redis_socket).parent != folder
        assert stack.layer.get("order:1") == b"paid"
        stack.layer.set("order:2", b"new")
        assert heard == []
    shutil.rmtree(folder)


def test_a_socket_that_was_replaced_under_a_running_server_is_not_spoken_to(stack: Stack) -> None:
    """The same user's, so only the kernel knows which process listens there."""
    path = Path(stack.redis_socket)
    stack.layer.set("order:1", b"paid")
    path.unlink()
    with impostor(path) as heard:
        # New connections are made when all that is idle is gone.
        stack.cache.cache.trusted_server._idle.close()
        assert stack.layer.get("order:1") == b"paid"
        until(lambda: stack.snapshot().redis.restarts == 1)
        wait_until_trusted(stack)
        assert stack.layer.get("order:1") == b"paid"
        assert heard == []


def test_a_connection_says_which_program_it_met(tmp_path: Path) -> None:
    with impostor(tmp_path / "s"):
        RedisConnection(str(tmp_path / "s"), 5.0, 0, os.getpid()).close()
        with pytest.raises(CacheError, match=rf"another program \(process {os.getpid()},"):
            RedisConnection(str(tmp_path / "s"), 5.0, 0, os.getpid() + 1)


def made() -> SocketFolder:
    return SocketFolder(lambda path: None)


def as_if_made_long_ago(folder: SocketFolder) -> Path:
    os.utime(folder.path, (LONG_AGO, LONG_AGO))
    return folder.path


def test_each_has_a_name_of_its_own_and_is_private() -> None:
    one, other = made(), made()
    assert one.path != other.path
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o700
    assert one.is_ours
    one.path.chmod(0o777)
    assert not one.is_ours
    one.path.chmod(0o700)
    for folder in (one, other):
        folder.remove()
        folder.remove()
        assert not folder.path.exists()


def test_the_folder_of_a_process_that_was_killed_goes_with_the_next_start(tmp_path: Path) -> None:
    """Its data directory is gone, so nothing else tells of it."""
    script = "import cachedesk, sys; cachedesk.open(sys.argv[1]); print(flush=True); input()"
    places = Path(tempfile.gettempdir())
    # Stacks that other tests share have theirs there.
    before = set(places.glob("cachedesk-*"))
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    new = set(places.glob("cachedesk-*")) - before
    (left,) = [path for path in new if (path / "owner").exists()]
    # The kernel ends its server with it, but not in the same instant.
    until(lambda: not _is_served(left / SOCKET_NAME))
    shutil.rmtree(tmp_path / "data")
    os.utime(left, (LONG_AGO, LONG_AGO))
    with running(tmp_path / "other"):
        assert not left.exists()


def test_what_may_be_in_use_stays() -> None:
    ours, in_use, new, without_owner = made(), made(), made(), made()
    (without_owner.path / "owner").unlink()
    for folder in (in_use, without_owner):
        as_if_made_long_ago(folder)
    remove_abandoned(ours)
    for folder in (ours, in_use, new, without_owner):
        assert folder.path.exists()
        folder.remove()


def test_a_folder_whose_server_answers_stays() -> None:
    """Where the kernel does not end a server with its parent, its orphan may still be found."""
    ours, left = made(), made()
    assert left._owner is not None
    os.close(left._owner)
    left._owner = None
    with impostor(left.path / "redis.sock"):
        as_if_made_long_ago(left)
        remove_abandoned(ours)
        assert left.path.exists()
    as_if_made_long_ago(left)
    remove_abandoned(ours)
    assert not left.path.exists()
    ours.remove()


@pytest.mark.parametrize(("mode", "used"), [(0o700, True), (0o755, False), (0o770, False)])
def test_a_folder_of_the_user_is_preferred_if_it_is_private(
    mode: int, used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="cdt-"))
    place.chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    folder = made()
    assert (folder.path.parent == place) == used
    folder.remove()
    place.rmdir()


@pytest.mark.parametrize("value", ["", "relative", "/nowhere/at/all", "/tmp/" + "x" * 200])
def test_a_setting_that_names_no_usable_folder_is_passed_over(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    folder = made()
    assert folder.path.parent == Path(tempfile.gettempdir())
    folder.remove()
