"""Limits: what one client sends or does not take never harms the others."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
import redis

from cachedesk.core.settings import Settings
from cachedesk.server.limits import Limits
from tests.engine.until import PATIENCE_SECONDS, until

from .running import Running, Up, Wire, running

WITH_TEXT = "0123456789" * 10_000


def test_without_the_password_nothing_is_done() -> None:
    with running(password=b"secret") as server:
        wire = server.wire()
        for line in (("GET", "a"), ("SET", "a", "1"), ("NONSENSE",), ("PING",), ("CLIENT", "LIST")):
            assert wire.call(*line) == "NOAUTH Authentication required."
        assert wire.call("HELLO", "3").startswith("NOAUTH HELLO must")
        assert wire.call("AUTH", "wrong").startswith("WRONGPASS")
        assert wire.call("AUTH", "nobody", "secret").startswith("WRONGPASS")
        assert wire.call("GET", "a") == "NOAUTH Authentication required."
        assert wire.call("AUTH", "secret") == b"OK"
        assert wire.call("SET", "a", "1") == b"OK"
        assert wire.call("RESET") == b"RESET"
        assert wire.call("GET", "a") == "NOAUTH Authentication required."
        wire.close()
        with server.client(password="secret", protocol=3) as client:
            assert client.get("a") == b"1"


def test_a_stranger_cannot_make_the_server_keep_much() -> None:
    with running(password=b"secret") as server:
        for sent in (b"*100000\r\n", b"*2\r\n$4\r\nAUTH\r\n$900000\r\n"):
            wire = server.wire()
            wire.raw(sent)
            assert str(wire.reply()).startswith("ERR Protocol error: unauthenticated")
            with pytest.raises(EOFError):
                wire.reply()
            wire.close()


def test_a_stranger_is_sent_away_after_a_while() -> None:
    with running(password=b"secret", limits=Limits(strange_seconds=0.3)) as server:
        friend, stranger = server.wire(), server.wire()
        assert friend.call("AUTH", "secret") == b"OK"
        with pytest.raises((EOFError, OSError)):
            stranger.reply()
        assert friend.call("PING") == b"PONG"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"*70000\r\n", "invalid multibulk length"),
        (b"*1\r\n$20000000\r\n", "invalid bulk length"),
        (b"*1\r\n?\r\n", "expected '$', got '?'"),
        (b"GET 'a\r\n", "unbalanced quotes"),
    ],
)
def test_a_protocol_error_ends_only_its_connection(shared: Running, sent: bytes, says: str) -> None:
    wire, other = shared.wire(), shared.wire()
    wire.raw(b"PING\r\n" + sent + b"PING\r\n")
    assert wire.reply() == b"PONG"
    assert str(wire.reply()).startswith(f"ERR Protocol error: {says}")
    with pytest.raises(EOFError):
        wire.reply()
    assert other.call("PING") == b"PONG"
    wire.close()
    other.close()


def test_there_are_only_so_many_clients() -> None:
    with running(limits=Limits(clients=2)) as server:
        wires = [server.wire() for _ in range(2)]
        assert [wire.call("PING") for wire in wires] == [b"PONG"] * 2
        extra = server.wire()
        assert str(extra.reply()) == "ERR max number of clients reached"
        extra.close()
        wires[0].close()

        def admitted() -> bool:
            wire = server.wire()
            try:
                return wire.call("PING") == b"PONG"
            except (EOFError, OSError):
                return False
            finally:
                wire.close()

        until(admitted)
        wires[1].close()


def test_a_long_pipeline_is_answered_to_its_end() -> None:
    with running(limits=Limits(pipeline_commands=50)) as server:
        wire = server.wire()
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        wire.raw(b"INCR views:long\r\n" * 5_000)
        assert [wire.reply() for _ in range(5_000)] == list(range(1, 5_001))
        wire.close()


def check_that_a_slow_client_is_cut_off(patience: float) -> None:
    """Ask for much, take nothing; the others are served meanwhile."""
    limits = Limits(output_bytes=1 << 20, stall_seconds=0.5)
    with running(limits=limits) as server, server.client() as other:
        other.set("order:large", WITH_TEXT)
        wire = server.wire()
        wire.raw(b"GET order:large\r\n" * 400)
        deadline = time.monotonic() + patience
        while not server.reported and time.monotonic() < deadline:
            assert other.incr("views:other") > 0
        assert server.reported, "it is still there"
        assert "was cut off: it has not taken" in server.reported[0]
        with pytest.raises((EOFError, OSError)):
            read_all(wire)


def read_all(wire: Wire) -> None:
    """Read until the connection ends."""
    while True:
        wire.reply()


def test_a_slow_client_is_cut_off() -> None:
    check_that_a_slow_client_is_cut_off(PATIENCE_SECONDS)


def test_a_client_that_takes_its_time_is_kept() -> None:
    limits = Limits(output_bytes=1 << 20, stall_seconds=60)
    with running(limits=limits) as server, server.client() as other:
        other.set("order:large", WITH_TEXT)
        wire = server.wire()
        wire.raw(b"GET order:large\r\n" * 100)
        until(lambda: any(not it._writable for it in server.server._connections))
        assert [len(wire.reply()) for _ in range(100)] == [len(WITH_TEXT)] * 100
        assert server.reported == []
        wire.close()


def test_a_reply_that_would_be_too_large_is_refused() -> None:
    with running(limits=Limits(reply_bytes=100_000)) as server, server.client() as client:
        client.mset({"order:large": WITH_TEXT, "order:x": WITH_TEXT})
        with pytest.raises(redis.ResponseError, match="ask for fewer keys"):
            client.mget(["order:large", "order:x", *(f"order:{it}" for it in range(1_000))])
        # Many that are small enough by themselves are answered one after the other.
        pipeline = client.pipeline(transaction=False)
        for _ in range(20):
            pipeline.get("order:large")
        assert pipeline.execute() == [WITH_TEXT.encode()] * 20


def test_a_full_log_is_an_error_with_a_remedy() -> None:
    from cachedesk.core.settings import LogSettings, WorkerSettings

    settings = Settings(
        log=LogSettings(limit_events=2, when_full="reject"),
        worker=WorkerSettings(batch_age_seconds=3600),
    )
    with running(settings) as server, server.client() as client:
        pipeline = client.pipeline(transaction=False)
        for _ in range(4):
            pipeline.incr("views:1")
        replies = pipeline.execute(raise_on_error=False)
        assert replies[:2] == [1, 2]
        assert all("unavailable: the write-behind log is full" in str(it) for it in replies[2:])


def test_tcp_asks_for_the_password(up: Callable[..., Up]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = up("--listen", f"tcp:127.0.0.1:{port}", CACHEDESK_PASSWORD="secret")

    def answers(password: str | None) -> str:
        assert server.process.poll() is None
        try:
            with redis.Redis(port=port, password=password) as client:
                return str(client.ping())
        except redis.RedisError as error:
            return type(error).__name__

    until(lambda: answers("secret") == "True")
    assert answers(None) == "AuthenticationError"
    assert answers("wrong") == "AuthenticationError"


def test_a_flush_needs_permission() -> None:
    with running() as server, server.client() as client:
        client.mset({f"views:{number}": number for number in range(30)})
        with pytest.raises(redis.ResponseError, match="--allow-flush"):
            client.flushdb()
        assert client.dbsize() == 30
    with running(allows_flush=True) as server, server.client() as client:
        client.mset({f"{'views' if it % 2 else 'order'}:{it}": it for it in range(5_000)})
        wire = server.wire()
        wire.call("WATCH", "views:1")
        assert client.flushall() is True
        assert (client.dbsize(), client.get("views:1")) == (0, None)
        wire.call("MULTI")
        assert wire.call("EXEC") is None
