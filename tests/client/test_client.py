"""The client of a server: the calls, receipts and errors of the library, over a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cachedesk
from cachedesk.client.client import Client
from cachedesk.client.errors import raised
from cachedesk.client.url import connection_options
from cachedesk.core import errors
from cachedesk.core.commands import Heal, Inject
from cachedesk.core.settings import DatabaseSettings, Settings
from tests.engine.until import together
from tests.server.running import Running, Up, Wire, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[Client]:
    with cachedesk.connect(f"unix:{server.path}") as client:
        yield client


def test_a_receipt_is_that_of_the_library(client: Client, server: Running) -> None:
    paid = client.set("order:1", "paid")
    seen = client.write(("incr", "views:1", 5))
    assert (paid.level, paid.value, seen.level, seen.value) == ("applied", b"paid", "durable", b"5")
    assert seen.seq == paid.seq + 1
    assert server.stack.layer.get("order:1") == b"paid"


def test_the_calls(client: Client) -> None:
    assert client.get("c:absent") is None
    assert client.get("c:absent", b"0") == b"0"
    client.set("c:a", 1)
    assert client.incr("c:a", 41) == 42
    assert client.get_many(["c:a", "c:absent"]) == [b"42", None]
    assert client.get_many([]) == []
    assert "c:a" in client
    assert "c:absent" not in client
    assert client.add("c:a", "other") is False
    assert client.add("c:b", "new", ttl="1h") is True
    assert 3_500 < (client.ttl("c:b") or 0) <= 3_600
    assert client.persist("c:b") is True
    assert client.ttl("c:b") is None
    assert client.expire("c:b", 5) is True
    assert client.expire("c:absent", 5) is False
    assert client.delete("c:b").value is None
    assert client.get("c:b") is None
    keys = list(client.keys())
    assert keys == sorted(keys)
    assert b"c:a" in keys
    client.ping()


def test_many_writes_are_made_together_or_not_at_all(client: Client) -> None:
    client.set("m:text", "Ann")
    with pytest.raises(cachedesk.NotACounter):
        client.write_many([("set", "m:a", "1"), ("incr", "m:text", 1)])
    assert client.get("m:a") is None
    receipts = client.write_many([("set", "m:a", "1"), ("incr", "m:a", 1), ("delete", "m:text")])
    assert [receipt.value for receipt in receipts] == [b"1", b"2", None]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (("set", "", "1"), cachedesk.InvalidKey),
        (("set", "k", 1.5), cachedesk.InvalidValue),
        (("set", "k", "1", -1), cachedesk.InvalidValue),
        (("incr", "k", 2**63), Exception),
        (("nonsense", "k"), cachedesk.InvalidValue),
        (("expire", "k", 5, "nonsense"), cachedesk.InvalidValue),
        ((), cachedesk.InvalidValue),
    ],
)
def test_bad_arguments(
    client: Client, operation: tuple[object, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.write(operation)
    assert client.get("k") is None


things = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.binary() | st.sampled_from(["set", "incr", "cas", "add", "expire", "delete", "persist"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=12,
)  # fmt: skip
operations = st.lists(
    st.tuples(st.sampled_from(["set", "incr", "cas", "add", "expire", "delete"]), things, things)
)


@given(payload=st.binary() | st.one_of(things, operations).map(msgspec.msgpack.encode))
def test_whatever_is_sent_is_an_answer_or_a_clear_error(server: Running, payload: bytes) -> None:
    wire = Wire(server.path)
    reply = wire.call("CACHEDESK.WRITE", payload)
    wire.close()
    assert isinstance(reply, list) or (reply.startswith("ERR ") and "internal" not in reply)


def test_an_overflow(client: Client) -> None:
    client.set("o:most", 2**63 - 1)
    with pytest.raises(cachedesk.CounterOverflow):
        client.incr("o:most")


def test_a_part_that_is_down_is_unavailable() -> None:
    settings = Settings(database=DatabaseSettings(write_seconds=0.2))
    with running(settings) as server, cachedesk.connect(f"unix:{server.path}") as client:
        server.stack.perform(Inject("database.lock"))
        with pytest.raises(cachedesk.Unavailable, match="nothing was changed"):
            client.set("order:1", "paid")
        server.stack.perform(Heal())


def test_threads_count_each_increment_once(client: Client) -> None:
    def adds() -> None:
        for _ in range(50):
            client.incr("views:threads")

    together([adds] * 4)
    assert client.get("views:threads") == b"200"


def test_a_server_that_is_killed_leaves_the_outcome_unknown(
    folder: Path, up: Callable[..., Up]
) -> None:
    server = up(CACHEDESK_FAILPOINTS="through.commit.after=1*kill").wait()
    with cachedesk.connect(server.data) as client:
        with pytest.raises(cachedesk.OutcomeUnknown, match="did not answer"):
            client.set("order:1", "paid")
        server.process.wait()
        with pytest.raises(cachedesk.Unavailable, match="cannot be reached"):
            client.set("order:2", "paid")
        again = up().wait()
        # The connection of before is replaced; the write had been made.
        assert client.get("order:1") == b"paid"
        assert again.process.poll() is None


def test_a_password() -> None:
    with running(password=b"secret") as server:
        with cachedesk.connect(f"unix:{server.path}", password="secret") as client:
            client.ping()
        with (
            cachedesk.connect(f"unix:{server.path}", password="wrong") as client,
            pytest.raises(cachedesk.Unavailable, match="invalid username-password"),
        ):
            client.ping()


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("unix:/a/b", {"path": "/a/b"}),
        ("unix:///a/b", {"path": "/a/b"}),
        ("/data", {"path": "/data/cachedesk.sock"}),
        (Path("/data"), {"path": "/data/cachedesk.sock"}),
        ("tcp:localhost:6380", {"host": "localhost", "port": 6380}),
        ("redis://:p%40ss@h:6380/0", {"host": "h", "port": 6380, "password": "p@ss"}),
        ("redis://h", {"host": "h", "port": 6379}),
    ],
)
def test_where_a_server_is(where: str | Path, options: dict[str, object]) -> None:
    assert connection_options(where) == options


@pytest.mark.parametrize("where", ["", "http://h", "tcp:h", "unix:", "redis://h:x", "redis://h/1"])
def test_where_no_server_can_be(where: str) -> None:
    with pytest.raises(cachedesk.ConfigError, match=r"cannot (connect|listen)"):
        cachedesk.connect(where)


def test_every_error_comes_back_as_itself() -> None:
    from cachedesk.server.failures import told

    for name in ("LogFull", "Unavailable", "OutcomeUnknown", "WriteRefused", "InvalidKey"):
        kind = getattr(errors, name)
        text = "the write-behind log is full (2)" if name == "LogFull" else "a reason"
        back = raised(told(kind(text)).text)
        assert (type(back), str(back).endswith(text)) == (kind, True)
