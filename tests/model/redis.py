"""A model of Redis: one event loop that takes one command at a time from any connection.

What makes Redis hard is here: commands wait unread in sockets and are carried out after their
sender has given up, a reply is lost with its connection, a hung server answers nobody and does
everything later, another server may stand behind the same socket with an old snapshot.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import hiredis

from cachedesk.core.errors import CacheError
from cachedesk.core.settings import RedisSettings
from cachedesk.stores.redis.connection import RedisReplyError
from cachedesk.stores.redis.encoding import Commands
from tests.model import primitives
from tests.model.scheduler import Scheduler

Command = tuple[Any, ...]

_LATE_SHARE = 0.9
"""The share of commands without a waiting client that run after all others."""

THEIRS = {b"a": b"another's", b"views:1": b"another's"}
"""What another user keeps on the server, under names that our keys have, too."""


class Connection:
    """A connected socket: what was sent and not read yet, in both directions."""

    def __init__(self, process: Process, number: int) -> None:
        self.process = process
        self.number = number
        self.inbox: deque[Command] = deque()
        self.outbox: list[object] = []
        self.cut = self.given_up = False


class Keys(dict[bytes, bytes]):
    """The keys of a server or of a snapshot. ``deadlines``: when some of them expire, in
    milliseconds since 1970."""

    def __init__(self, other: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(other or {})
        self.deadlines: dict[bytes, int] = dict(other.deadlines) if isinstance(other, Keys) else {}

    def put(self, key: bytes, value: bytes, deadline_ms: int | None = None) -> None:
        """Set a key; without a deadline it never expires."""
        self[key] = value
        self.deadlines.pop(key, None)
        if deadline_ms is not None:
            self.deadlines[key] = deadline_ms

    def take(self, key: bytes) -> tuple[bytes, int | None]:
        """Remove a key; return its value and its deadline."""
        return self.pop(key), self.deadlines.pop(key, None)

    def expire(self) -> None:
        """Remove what has expired by the machine's clock. (A key is served until its last
        millisecond is over.)"""
        now = int(primitives.Time.time() * 1000)
        for key in [key for key, at in self.deadlines.items() if at < now]:
            self.take(key)


class Process:
    """One life of a server."""

    def __init__(self, server: Server, run_id: bytes, data: Keys) -> None:
        self.server = server
        self.run_id = run_id
        self.data = data
        for key, value in THEIRS.items():
            data.put(key, value)
        self.clients = 0
        self.connections: list[Connection] = []
        self.stopped = False
        self.full = False

    def cut(self, number: int | None = None) -> int:
        """Cut the connection ``number``, or all: what they have not been read of is gone."""
        gone = [it for it in self.connections if number in (None, it.number)]
        for connection in gone:
            connection.cut = True
            connection.inbox.clear()
        self.connections = [it for it in self.connections if it not in gone]
        return len(gone)

    def carry_out(self, connection: Connection, command: Command) -> object:  # noqa: PLR0912
        """Do one command as Redis does and return its reply."""
        self.data.expire()
        match [_as_bytes(word) for word in command]:
            case [b"GET", key]:
                return self.data.get(key)
            case [b"MGET", *keys]:
                return [self.data.get(key) for key in keys]
            case [b"SET", key, value, *expiry]:
                if self.full:
                    return RedisReplyError("OOM command not allowed when used memory > 'maxmemory'")
                self.data.put(key, value, int(expiry[1]) if expiry else None)
                return b"OK"
            case [b"PEXPIREAT", key, deadline_ms]:
                if key in self.data:
                    self.data.deadlines[key] = int(deadline_ms)
                return int(key in self.data)
            case [b"UNLINK" | b"DEL", *keys]:
                return len([self.data.take(key) for key in keys if key in self.data])
            case [b"FLUSHALL", *_]:
                self.data = Keys()
                return b"OK"
            case [b"SAVE" | b"BGSAVE"]:
                self.server.snapshot = Keys(self.data)
                return b"OK"
            case [b"DBSIZE"]:
                return len(self.data)
            case [b"RENAME", key, new]:
                if key not in self.data:
                    return RedisReplyError("ERR no such key")
                self.data.put(new, *self.data.take(key))
                return b"OK"
            case [b"SCAN", _, b"MATCH", pattern, *_]:
                return [b"0", [key for key in sorted(self.data) if _matches(key, pattern)]]
            case [b"SCAN", _, *_]:
                return [b"0", sorted(self.data)]
            case [b"RANDOMKEY"]:
                return self.server.draw(sorted(self.data)) if self.data else None
            case [b"EXISTS", *keys]:
                return sum(key in self.data for key in keys)
            case [b"PING"]:
                return b"PONG"
            case [b"CLIENT", b"ID"]:
                return connection.number
            case [b"CLIENT", b"KILL", b"ID", number]:
                return self.cut(int(number))
            case [b"CONFIG", b"SET", *_]:
                return b"OK"
            case [b"INFO", *_]:
                return (
                    b"run_id:%s\r\nused_memory:1\r\nmaxmemory:2\r\nloading:0\r\n"
                    b"maxmemory_policy:allkeys-lru\r\nevicted_keys:0\r\n" % self.run_id
                )
        raise AssertionError(f"the model of Redis does not know {command!r}")


class Server:
    """What stands behind the socket, over all lives of the data directory."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lives = self._generations = 0
        self.sole_tenant = False
        self.process: Process | None = None
        # What a snapshot of it holds; it survives everything.
        self.snapshot = Keys()

    def new_generation(self) -> bytes:
        """In the place of ``namespace.new_generation``."""
        self._generations += 1
        return b"g%d" % self._generations

    def draw(self, keys: list[bytes]) -> bytes:
        """Return one of ``keys``."""
        return keys[int(self._scheduler.random.random() * len(keys))]

    def begin(self, data: Keys | None = None) -> None:
        """Start a server, with ``data`` if it was given a snapshot."""
        self.end()
        self._lives += 1
        self.process = Process(self, b"run-%d" % self._lives, Keys(data))

    def end(self) -> None:
        """Kill it. Replies on their way may still be read, or may not."""
        process, self.process = self.process, None
        if process is not None:
            process.stopped = False
            for connection in process.connections:
                if self._scheduler.random.random() < 0.5:
                    connection.outbox.clear()
            process.cut()

    def connect(self) -> Connection:
        """Return a new connection; the kernel accepts for a server that hangs."""
        if self.process is None:
            raise CacheError("cannot connect to Redis: nobody listens")
        self.process.clients += 1
        connection = Connection(self.process, self.process.clients)
        self.process.connections.append(connection)
        return connection

    def serve(self) -> None:
        """The event loop."""
        while True:
            primitives.wait("a command", self.work)
            some = self.work()
            live = [connection for connection in some if not connection.given_up]
            if live and self._scheduler.random.random() < _LATE_SHARE:
                some = live
            if some:
                connection = some[int(self._scheduler.random.random() * len(some))]
                command = connection.inbox.popleft()
                reply = connection.process.carry_out(connection, command)
                connection.outbox.append(reply)

    def work(self) -> list[Connection]:
        """Return the connections with a command that could be carried out now."""
        process = self.process
        if process is None or process.stopped:
            return []
        return [connection for connection in process.connections if connection.inbox]


_server: Server


def use(server: Server) -> None:
    """Have wires connect to ``server`` from now on."""
    global _server  # noqa: PLW0603 - as in ``primitives``
    _server = server


class ModelConnection:
    """In the place of ``RedisConnection``."""

    writer: tuple[bytes, int | None]
    commands: Commands

    def __init__(
        self,
        path: str,
        timeout_seconds: float,
        trust_number: int = 0,
        server_pid: int | None = None,
    ) -> None:
        self.trust_number = trust_number
        self._timeout_seconds = timeout_seconds
        primitives.turn("redis.connect")
        self._connection = _server.connect()

    def call(self, *command: object) -> Any:
        reply = self.pipeline([command])[0]
        if isinstance(reply, RedisReplyError):
            raise reply
        return reply

    def call_packed(self, command: bytes) -> Any:
        return self.call(*_unpacked(command))

    def pipeline_packed(self, packed: Iterable[bytes]) -> list[Any]:
        return self.pipeline([_unpacked(command) for command in packed])

    def pipeline(self, commands: Iterable[Iterable[object]]) -> list[Any]:
        sent = [tuple(command) for command in commands]
        connection = self._connection
        primitives.turn("redis.send")
        if connection.cut:
            raise CacheError("Redis did not take a command: it closed the connection")
        connection.inbox.extend(sent)
        primitives.wait(
            "a reply of Redis",
            lambda: connection.cut or len(connection.outbox) >= len(sent),
            self._timeout_seconds,
        )
        if len(connection.outbox) < len(sent):
            raise CacheError(
                "Redis closed the connection" if connection.cut else "Redis did not answer in time"
            )
        replies, connection.outbox = connection.outbox, []
        primitives.turn("redis.received")
        return replies

    def close(self) -> None:
        """Close it; what was sent is still carried out, later."""
        self._connection.given_up = True


class ModelRedisServer:
    """In the place of ``RedisServer``: the child process as the supervisor sees it."""

    def __init__(self, settings: RedisSettings) -> None:
        primitives.turn("redis.orphan")
        self.stopped_orphan = _server.process is not None
        _server.end()
        self.socket_path = "redis.sock"
        self.warm = settings.restart == "warm"
        self._old = Keys()

    @property
    def alive(self) -> bool:
        return _server.process is not None

    @property
    def pid(self) -> int | None:
        return 1 if self.alive else None

    def start(self, *, old: bool = False) -> None:
        primitives.turn("redis.start")
        if old:
            _server.begin(self._old)
        else:
            _server.begin(_server.snapshot if self.warm else None)

    def keep_as_old(self) -> None:
        self._old = Keys(_server.snapshot)

    def forget_snapshot(self) -> None:
        _server.snapshot = Keys()

    def stop(self) -> None:
        _server.end()

    def signal(self, number: signal.Signals) -> None:
        if number == signal.SIGKILL:
            _server.end()
        elif _server.process is not None:
            _server.process.stopped = number == signal.SIGSTOP

    def finish(self) -> None:
        primitives.turn("redis.finish")
        if self.warm and _server.process is not None and not _server.process.stopped:
            _server.snapshot = Keys(_server.process.data)
        _server.end()

    def close(self) -> None:
        _server.end()


def _as_bytes(word: object) -> Any:
    return b"%d" % word if isinstance(word, int) else word


def _unpacked(command: bytes) -> Any:
    reader = hiredis.Reader()
    reader.feed(command)
    return reader.gets()


def _matches(key: bytes, pattern: bytes) -> bool:
    return fnmatchcase(key.decode("latin-1"), pattern.decode("latin-1"))


def new_generation() -> bytes:
    """In the place of ``namespace.new_generation``: no two histories of a seed may differ."""
    return _server.new_generation()


def sole_tenant() -> bool:
    """Whether the cache is to take the server for its own."""
    return _server.sole_tenant
