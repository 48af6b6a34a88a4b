"""The redis-server child: private, empty at each start, and never left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.settings import RedisSettings
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis import parent_death, server_process, supervisor
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.server_process import RedisServer, executable

from .scenarios import running, wait_until_trusted
from .until import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, RedisSettings())
    yield server
    server.close()


def connect(server: RedisServer) -> RedisConnection:
    """Return a connection to the server, which may have been started just now."""
    wires: list[RedisConnection] = []

    def try_it() -> bool:
        try:
            wires.append(RedisConnection(server.socket_path, 5.0))
        except Exception:  # noqa: BLE001 - whatever fails before it listens
            return False
        return True

    until(try_it)
    return wires[0]


def test_its_folder_is_private(server: RedisServer) -> None:
    folder = Path(server.socket_path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.start()
    connect(server).close()
    assert stat.S_IMODE(os.stat(server.socket_path).st_mode) == 0o700
    assert len(os.fsencode(server.socket_path)) <= 107


def test_it_listens_on_no_port(server: RedisServer) -> None:
    server.start()
    connect(server).close()
    assert server.pid is not None
    kinds = {it.type for it in psutil.Process(server.pid).net_connections("inet")}
    assert kinds == set()


def test_a_very_long_temporary_folder_is_gone_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100) / ("y" * 100)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    server = RedisServer(tmp_path, RedisSettings())
    try:
        assert len(os.fsencode(server.socket_path)) <= 107
        server.start()
        connect(server).close()
        folder = Path(server.socket_path).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        server.close()
    assert not folder.exists()
    assert list(long.iterdir()) == []


def test_a_restarted_server_is_empty(server: RedisServer) -> None:
    for _ in range(3):
        server.start()
        connection = connect(server)
        assert connection.call(b"DBSIZE") == 0
        connection.call(b"SET", b"key", b"value")
        connection.close()
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_saves_nothing_however_it_stops(server: RedisServer, number: signal.Signals) -> None:
    server.start()
    connection = connect(server)
    for place in range(200):
        connection.call(b"SET", b"%d" % place, b"x" * 100)
    assert connection.call(b"CONFIG", b"GET", b"save") == [b"save", b""]
    assert connection.call(b"CONFIG", b"GET", b"appendonly") == [b"appendonly", b"no"]
    folder = Path(server.socket_path).parent
    server.signal(number)
    until(lambda: not server.alive)
    connection.close()
    names = {path.name for path in (*folder.iterdir(), *Path.cwd().glob("*.rdb"))}
    assert names <= {"redis.sock", "owner"}


def test_limits_reach_the_server(tmp_path: Path) -> None:
    server = RedisServer(
        tmp_path, RedisSettings(maxmemory_bytes=3_000_000, eviction_policy="allkeys-lfu")
    )
    try:
        server.start()
        connection = connect(server)
        assert connection.call(b"CONFIG", b"GET", b"maxmemory") == [b"maxmemory", b"3000000"]
        policy = connection.call(b"CONFIG", b"GET", b"maxmemory-policy")
        assert policy == [b"maxmemory-policy", b"allkeys-lfu"]
        connection.close()
    finally:
        server.close()


def test_stop_reaps_and_close_leaves_nothing(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, RedisSettings())
    server.start()
    connect(server).close()
    pid, folder = server.pid, Path(server.socket_path).parent
    assert pid is not None
    server.stop()
    assert not psutil.pid_exists(pid), "not even a zombie"
    assert server.pid is None
    server.stop()
    server.close()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_server_counts_as_running(server: RedisServer) -> None:
    server.start()
    connect(server).close()
    server.signal(signal.SIGSTOP)
    assert server.alive
    server.stop()
    assert not server.alive


def orphan(data: Path, socket_folder: Path) -> subprocess.Popen[bytes]:
    """Start a server by hand and leave the state file that says so, as a crash would."""
    process = subprocess.Popen(
        [executable(), "--port", "0", "--unixsocket", str(socket_folder / "redis.sock")],
        cwd=socket_folder,
        stdout=subprocess.DEVNULL,
    )
    write_state(data, socket_folder, process.pid)
    until((socket_folder / "redis.sock").exists)
    return process


def write_state(data: Path, socket_folder: Path, pid: int) -> None:
    status = data.stat()
    state = {"home": [status.st_dev, status.st_ino], "folder": str(socket_folder), "pid": pid}
    (data / "redis.state").write_bytes(msgspec.json.encode(state))


def test_an_orphan_of_this_directory_is_stopped(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cachedesk-"))
    process = orphan(tmp_path, folder)
    server = RedisServer(tmp_path, RedisSettings())
    try:
        assert server.stopped_orphan
        process.wait(60)
        assert not folder.exists()
    finally:
        server.close()


def test_an_orphan_is_told_of_by_the_stack(tmp_path: Path) -> None:
    process = orphan(tmp_path, Path(tempfile.mkdtemp(prefix="cachedesk-")))
    with running(tmp_path) as stack:
        process.wait(60)
        assert any("left behind" in event.text for event in stack.snapshot().events)
        assert stack.layer.get("key") is None


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cachedesk-"))
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_state(tmp_path, folder, innocent.pid)
    server = RedisServer(tmp_path, RedisSettings())
    try:
        assert not server.stopped_orphan
        assert innocent.poll() is None
        assert not folder.exists()
    finally:
        server.close()
        innocent.kill()
        innocent.wait()
        assert innocent.stdin is not None
        innocent.stdin.close()


def test_our_own_process_is_left_alone(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cachedesk-"))
    write_state(tmp_path, folder, os.getpid())
    RedisServer(tmp_path, RedisSettings()).close()


@pytest.mark.parametrize("state", [b"", b"{", b"null", b"\xff\x00", b'{"pid": "x"}'], ids=repr)
def test_a_damaged_state_file_is_nothing(tmp_path: Path, state: bytes) -> None:
    (tmp_path / "redis.state").write_bytes(state)
    server = RedisServer(tmp_path, RedisSettings())
    assert not server.stopped_orphan
    server.close()


def test_a_state_file_never_removes_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    write_state(tmp_path, precious, 2**22)
    RedisServer(tmp_path, RedisSettings()).close()
    assert precious.is_dir()


def test_the_state_file_is_replaced_whole(server: RedisServer, tmp_path: Path) -> None:
    """Written in place, a kill at the wrong moment would leave it empty, and the folder that it
    names would never be found again."""
    state = tmp_path / "redis.state"
    with state.open("rb") as old:
        before = old.read()
        server.start()
        old.seek(0)
        assert old.read() == before
    assert state.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["redis.state"]


def ended(process: psutil.Process) -> bool:
    """Whether the process is gone, or only waits for its parent to take note."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("way", ["setpriv", "Python"])
def test_it_dies_with_its_parent(tmp_path: Path, way: str) -> None:
    if way == "setpriv" and not parent_death._setpriv():
        pytest.skip("there is no setpriv, or it is too old")
    other_way = "" if way == "setpriv" else "parent_death._setpriv = lambda: ()\n"
    script = (
        f"import sys\nfrom cachedesk.stores.redis import parent_death\n{other_way}"
        "from cachedesk.stack.stack import Stack\nstack = Stack(sys.argv[1])\n"
        "print(stack.snapshot().redis.pid, flush=True)\ninput()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    assert server.is_running()
    parent.kill()
    parent.communicate()
    until(lambda: ended(server))
    with running(tmp_path) as stack:
        assert stack.layer.get("key") is None


@pytest.mark.parametrize("way", ["setpriv", "Python"])
def test_a_parent_that_is_dead_already_gets_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "Python":
        monkeypatch.setattr(parent_death, "_setpriv", lambda: ())
    ours = parent_death.ending_with_parent(["/bin/sh", "-c", "exit 7"])
    another_ones = ["1" if word == str(os.getpid()) else word for word in ours]
    assert subprocess.run(ours).returncode == 7
    assert subprocess.run(another_ones).returncode == 1


def test_a_ctrl_c_in_the_terminal_does_not_reach_it(server: RedisServer) -> None:
    server.start()
    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)


@pytest.mark.parametrize("fault", ["redis.kill", "redis.down", "redis.hang"])
def test_the_supervisor_brings_it_back(stack: Stack, fault: str) -> None:
    first = stack.snapshot().redis.pid
    stack.layer.set("order:1", b"x")
    stack.perform(Inject(fault))
    assert stack.layer.get("order:1") == b"x"
    stack.perform(Heal())
    wait_until_trusted(stack)
    redis = stack.snapshot().redis
    assert redis.restarts == (0 if fault == "redis.hang" else 1)
    assert (redis.pid == first) == (fault == "redis.hang")
    if fault != "redis.hang":
        until(lambda: any("back after" in event.text for event in stack.snapshot().events))
    stack.layer.get("order:1")
    assert stack.layer.read("order:1").source == "redis"


def test_a_server_that_hangs_by_itself_is_killed_and_replaced(stack: Stack) -> None:
    redis = stack.snapshot().redis
    assert redis.pid is not None
    os.kill(redis.pid, signal.SIGSTOP)
    stack.layer.get("key")
    until(lambda: stack.snapshot().redis.restarts == 1)
    wait_until_trusted(stack)
    assert any("hangs" in event.text for event in stack.snapshot().events)


def test_it_comes_back_after_its_folder_was_swept_away(stack: Stack) -> None:
    folder = Path(stack.cache.cache.trusted_server._path).parent
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    stack.perform(Inject("redis.kill"))
    until(lambda: stack.snapshot().redis.restarts == 1)
    wait_until_trusted(stack)
    new = Path(stack.redis_socket).parent
    assert new != folder
    assert stat.S_IMODE(new.stat().st_mode) == 0o700


def test_without_a_server_the_stack_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is there and ends at once: as on a machine where it cannot run."""
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("cachedesk.stores.redis.server_process.executable", lambda: str(broken))
    monkeypatch.setattr(
        "cachedesk.stores.redis.supervisor.RedisSupervisor.wait_until_tried", _no_wait
    )
    with running(tmp_path / "data") as stack:
        assert stack.layer.incr("views:1") == 1
        stack.layer.set("order:1", b"x")
        assert stack.layer.get_many(["views:1", "order:1"]) == [b"1", b"x"]
        assert stack.snapshot().redis.word != "up"
        said = "Redis dies soon after each start"
        until(lambda: any(said in event.text for event in stack.snapshot().events))
        assert len(stack.snapshot().events) < 30, "it is not said again and again"


def _no_wait(self: object, seconds: float = 0.0) -> None:
    """Do not wait for a server that will never come."""


def test_a_server_that_starts_slowly_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine each would be slow: killed for it, none would ever be used."""
    monkeypatch.setattr(supervisor, "_HANG_SECONDS", 0.2)
    program = tmp_path / "slow-redis-server"
    program.write_text(f'#!/bin/sh\nsleep 1\nexec {executable()} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setattr(server_process, "executable", lambda: str(program))
    with running(tmp_path / "data") as stack:
        wait_until_trusted(stack)
        assert stack.snapshot().redis.restarts == 0
