"""Real servers, watched: what is asked of them, and that they do not notice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from cachedesk.core.watched_server import (
    ServerFigures,
    ServerRefused,
    ServerUnreachable,
    WindowPlan,
)
from cachedesk.stores.watched_redis.address import parsed
from cachedesk.stores.watched_redis.own_words import ALLOWED
from cachedesk.stores.watched_redis.redis_server import RedisServer, connect
from cachedesk.watch.command_effects import Effect, effects_of
from cachedesk.watch.monitor_lines import seen
from tests.engine.until import until

from .servers import Server

PLAN = WindowPlan(seconds=0.2, tail_seconds=0.02, most_lines=100_000)
WATCHER = "on >s3cret ~* resetchannels -@all +info +scan +memory|usage +monitor"
"""The least rights, as the document says."""


@pytest.fixture
def watched_each(each_server: Server) -> Iterator[RedisServer]:
    found = connect(parsed(each_server.url))
    yield found
    found.close()


def test_it_says_what_it_is(watched_each: RedisServer, each_server: Server) -> None:
    each_server.client().mset({f"a:{it}": "x" for it in range(10)})
    found = watched_each.figures()
    told = each_server.client().info()
    assert found.product == ("Valkey" if "valkey_version" in told else "Redis")
    assert found.version == told.get("valkey_version", told["redis_version"])
    assert (found.keys, found.keys_everywhere, found.role, found.mode) == (
        10, 10, "master", "standalone",
    )  # fmt: skip
    assert found.memory_bytes > 100_000
    assert found.cpu_seconds > 0
    assert {it.name for it in found.costs} >= {"info", "mset"}


def test_all_keys_come_with_their_sizes(watched_each: RedisServer, each_server: Server) -> None:
    each_server.client().mset({f"a:{it}": "x" * 1000 for it in range(500)})
    cursor, keys = 0, set()
    while True:
        page = watched_each.scan(cursor, 50)
        keys.update(page.keys)
        assert all(size is not None and size > 1000 for size in watched_each.sizes(page.keys))
        cursor = page.cursor
        if not cursor:
            break
    assert len(keys) == 500
    assert watched_each.sizes([b"absent", b"a:1"])[0] is None
    assert watched_each.sizes([]) == ()


def test_nothing_that_is_asked_counts_as_a_read_or_makes_a_key_look_used(
    watched_each: RedisServer, each_server: Server
) -> None:
    client = each_server.client()
    client.set("a:1", "x")
    until(lambda: client.object("idletime", "a:1") >= 2)
    before: ServerFigures = watched_each.figures()
    for _ in range(20):
        watched_each.sizes([b"a:1", b"absent"])
        watched_each.scan(0, 10)
    watched_each.monitor(PLAN, lambda lines: [b"a:1", b"absent"] if lines else [])
    after = watched_each.figures()
    assert (after.hits, after.misses) == (before.hits, before.misses)
    assert client.object("idletime", "a:1") >= 2


def test_between_the_markers_are_exactly_the_reads_that_the_server_counts(
    watched_each: RedisServer, each_server: Server
) -> None:
    over = threading.Event()

    def read() -> None:
        client = each_server.client()
        while not over.is_set():
            pipe = client.pipeline(transaction=False)
            for number in range(50):
                pipe.get(f"a:{number}")
            pipe.execute()

    each_server.client().mset({f"a:{it}": "x" for it in range(0, 50, 2)})
    reader = threading.Thread(target=read)
    reader.start()
    try:
        window = watched_each.monitor(PLAN, lambda lines: [])
    finally:
        over.set()
        reader.join()
    first, second = (
        place for place, line in enumerate(window.lines) if line.endswith(window.marker)
    )
    commands = [seen(line) for line in window.lines[first:second]]
    reads = sum(
        effect is Effect.READ
        for command in commands
        if command is not None
        for effect, _ in effects_of(command.words)
    )
    counted = window.after.hits + window.after.misses - window.before.hits - window.before.misses
    assert reads == counted > 0
    assert not window.cut


def test_probes_are_found_among_the_lines_in_their_order(
    watched: RedisServer, server: Server
) -> None:
    server.client().set("a:1", "x")
    asked = iter([[b"a:1"], [b"absent", b"a:1"]])
    window = watched.monitor(PLAN, lambda lines: next(asked, []))
    assert [(it.key, it.size is not None) for it in window.probes] == [
        (b"a:1", True), (b"absent", False), (b"a:1", True),
    ]  # fmt: skip
    lines = [line for line in window.lines if window.probing in line]
    assert [line.rsplit(b'"', 2)[1] for line in lines] == [b"a:1", b"absent", b"a:1"]


def test_more_lines_than_are_taken_end_the_window(watched: RedisServer, server: Server) -> None:
    over = threading.Event()

    def write() -> None:
        client = server.client()
        while not over.is_set():
            client.set("a:1", "x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        window = watched.monitor(WindowPlan(60.0, 0.0, 50), lambda lines: [])
    finally:
        over.set()
        writer.join()
    assert window.cut
    assert 50 <= len(window.lines) < 50_000


def test_only_what_is_allowed_is_ever_sent(each_server: Server) -> None:
    """The server itself is asked which commands it took, and from whom."""
    client = each_server.client()
    client.set("a:1", "x")
    client.config_resetstat()
    with connect_closing(each_server.url) as watched:
        watched.figures()
        watched.sizes(watched.scan(0, 10).keys)
        watched.monitor(PLAN, lambda lines: [b"a:1"] if lines else [])
    sent = Counter(
        name.removeprefix("cmdstat_").replace("|", " ").upper()
        for name in client.info("commandstats")
    )
    ours = set(sent) - {"CONFIG RESETSTAT", "CONFIG"}
    single = {name.partition(" ")[0] for name in ALLOWED}
    assert ours <= set(ALLOWED) | single
    assert {"INFO", "SCAN", "MONITOR"} <= ours


class connect_closing:  # noqa: N801 - used as a function
    """A watched server for a with block."""

    def __init__(self, url: str) -> None:
        self._server = connect(parsed(url))

    def __enter__(self) -> RedisServer:
        return self._server

    def __exit__(self, *error: object) -> None:
        self._server.close()


def test_a_user_with_the_least_rights_is_enough_and_is_denied_nothing(each_server: Server) -> None:
    admin = each_server.client()
    admin.execute_command("ACL", "SETUSER", "watcher", *WATCHER.split())
    admin.execute_command("ACL", "LOG", "RESET")
    url = each_server.url.replace("unix://", "unix://watcher:s3cret@")
    with connect_closing(url) as watched:
        watched.figures()
        watched.sizes([b"a:1"])
        watched.scan(0, 10)
        watched.monitor(PLAN, lambda lines: [b"a:1"] if lines else [])
    denied = [
        entry[b"object"] if b"object" in entry else entry.get("object") for entry in admin.acl_log()
    ]
    # It is tried once, and only where there is such a command.
    assert {str(it).strip("b'").lower() for it in denied} <= {"client|no-touch", "client"}


@pytest.mark.parametrize(
    ("without", "named"),
    [("info", "+info"), ("scan", "+scan"), ("memory|usage", "+memory|usage")],
)
def test_a_right_that_is_missing_is_named(each_server: Server, without: str, named: str) -> None:
    rights = [right for right in WATCHER.split() if right != f"+{without}"]
    each_server.client().execute_command("ACL", "SETUSER", "watcher", *rights)
    url = each_server.url.replace("unix://", "unix://watcher:s3cret@")
    with pytest.raises(ServerRefused) as refused:
        connect(parsed(url))
    said = str(refused.value)
    assert said.endswith(f"allow: ACL SETUSER watcher {named}")
    assert "s3cret" not in said


def test_monitor_that_is_denied_can_be_done_without(each_server: Server) -> None:
    rights = [right for right in WATCHER.split() if right != "+monitor"]
    each_server.client().execute_command("ACL", "SETUSER", "watcher", *rights)
    url = each_server.url.replace("unix://", "unix://watcher:s3cret@")
    with connect_closing(url) as watched, pytest.raises(ServerRefused) as refused:
        watched.monitor(PLAN, lambda lines: [])
    assert "ACL SETUSER watcher +monitor, or use --no-monitor" in str(refused.value)


def test_a_password_that_is_missing_or_wrong_is_one_sentence(each_server: Server) -> None:
    each_server.client().config_set("requirepass", "s3cret")
    with pytest.raises(ServerRefused, match="needs a password"):
        connect(parsed(each_server.url))
    with pytest.raises(ServerRefused, match="wrong user name or password") as refused:
        connect(parsed(each_server.url.replace("unix://", "unix://:wr0ng@")))
    assert "wr0ng" not in str(refused.value)
    connect(parsed(each_server.url.replace("unix://", "unix://:s3cret@"))).close()


def test_a_server_that_is_not_there_is_one_sentence(server: Server) -> None:
    with pytest.raises(ServerUnreachable, match="there is no such socket"):
        connect(parsed("unix:///nowhere/at.all"))
    with pytest.raises(ServerUnreachable, match="connection refused"):
        connect(parsed("redis://127.0.0.1:1"))
    watched = connect(parsed(server.url))
    server.kill()
    with pytest.raises(ServerUnreachable):
        watched.figures()
    watched.close()


def test_a_server_that_hangs_is_given_up(server: Server) -> None:
    watched = connect(parsed(f"{server.url}?socket_timeout=0.2"))
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", "60000", "ALL")
    with pytest.raises(ServerUnreachable, match="no answer from unix"):
        watched.figures()
    watched.close()


def test_another_database_is_watched(server: Server) -> None:
    redis.Redis(unix_socket_path=server.path, db=2).set("b:1", "x")
    with connect_closing(f"{server.url}?db=2") as watched:
        assert watched.database == 2
        assert watched.scan(0, 10).keys == (b"b:1",)
        assert watched.figures().keys == 1
