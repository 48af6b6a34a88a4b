"""What a reply means: the write is as safe as its policy says, whatever dies right after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import hiredis
import pytest
import redis

import cachedesk
from cachedesk.core.commands import Heal, Inject
from cachedesk.core.events import WriteEvent
from cachedesk.core.settings import DatabaseSettings, Settings
from cachedesk.server.dispatcher import Job, Lane, choose
from cachedesk.stack.stack import Stack
from tests.engine.scenarios import held_at
from tests.engine.until import PATIENCE_SECONDS, Task, together, until

from .running import Running, Up, Wire, running

CLIENTS = 4


def count_up(wire: Wire, client: int, sent: list[bytes], acknowledged: list[bytes]) -> None:
    """Increment one key after the other, in pipelines, until the server is gone."""
    try:
        for number in count():
            kinds = ("views", "order") if number % 2 else ("views",)
            keys = [f"{kind}:{client}:{number}:{it}".encode() for it in range(9) for kind in kinds]
            sent += keys
            wire.raw(b"".join(hiredis.pack_command((b"INCR", key)) for key in keys))
            for key in keys:
                assert wire.reply() == 1
                acknowledged.append(key)
    except (EOFError, OSError):
        return


@pytest.mark.parametrize("least", [100, 250])
def test_what_was_acknowledged_is_there_once_after_kill_9(
    up: Callable[..., Up], folder: Path, least: int
) -> None:
    server = up().wait()
    sent: list[list[bytes]] = [[] for _ in range(CLIENTS)]
    acknowledged: list[list[bytes]] = [[] for _ in range(CLIENTS)]
    wires = [Wire(server.path) for _ in range(CLIENTS)]
    tasks = [
        Task(count_up, wire, number, sent[number], acknowledged[number])
        for number, wire in enumerate(wires)
    ]
    until(lambda: all(len(its) > least for its in acknowledged))
    server.process.kill()
    server.process.wait()
    for task, wire in zip(tasks, wires, strict=True):
        task.result()
        wire.close()
    with cachedesk.open(folder / "data") as cache:
        for its in acknowledged:
            assert set(cache.get_many(its)) == {b"1"}
        for its in sent:
            assert set(cache.get_many(its)) <= {b"1", None}


def test_a_server_replaces_the_socket_of_one_that_was_killed(up: Callable[..., Up]) -> None:
    first = up().wait()
    with first.client() as client:
        client.set("order:1", "paid")
    first.process.kill()
    first.process.wait()
    assert first.path.exists()
    second = up().wait()
    with second.client() as client:
        assert client.get("order:1") == b"paid"


def appends_of(stack: Stack) -> list[int]:
    """Return a list to which the number of events in each append is added from now on."""
    appends: list[int] = []
    append = stack.log.append

    def counting(events: Sequence[WriteEvent]) -> None:
        appends.append(len(events))
        append(events)

    stack.log.append = counting  # type: ignore[method-assign]
    return appends


def test_a_pipeline_is_one_commit() -> None:
    with running() as server:
        appends = appends_of(server.stack)
        with server.client() as client:
            pipeline = client.pipeline(transaction=False)
            for number in range(300):
                pipeline.incr(f"views:{number % 5}")
            assert pipeline.execute()[-5:] == [60] * 5
        assert len(appends) <= 3
        assert sum(appends) == 300


def test_the_writes_of_many_clients_share_commits() -> None:
    with running() as server:
        clients = [server.client() for _ in range(20)]
        with held_at(
            server.stack.failpoints, "log.append.before", clients[0].incr, "views:1"
        ) as first:
            rest = [Task(client.incr, "views:1") for client in clients[1:]]
            until(lambda: len(server.server._dispatcher._waiting) == 19)
            appends = appends_of(server.stack)
        assert sorted(task.result() for task in [first, *rest]) == list(range(1, 21))
        assert appends[-1] == 19
        for client in clients:
            client.close()


def check_that_a_locked_database_holds_up_no_write_to_the_log(timeout: float) -> None:
    """Write to the log while a write to the database waits; ``timeout``: of the clients."""
    settings = Settings(database=DatabaseSettings(write_seconds=60))
    with (
        running(settings) as server,
        server.client(socket_timeout=PATIENCE_SECONDS) as one,
        server.client(socket_timeout=timeout) as other,
    ):
        server.stack.perform(Inject("database.lock"))
        through = Task(one.set, "order:1", "paid")
        try:
            until(lambda: not server.server._dispatcher.idle)
            assert other.incr("views:1") == 1
            assert other.get("views:1") == b"1"
            assert through.is_alive()
        finally:
            server.stack.perform(Heal())
        assert through.result() is True


def test_a_locked_database_holds_up_no_write_to_the_log() -> None:
    check_that_a_locked_database_holds_up_no_write_to_the_log(PATIENCE_SECONDS)


def test_a_part_that_is_down_is_a_clear_error() -> None:
    settings = Settings(database=DatabaseSettings(write_seconds=0.2))
    with running(settings) as server, server.client() as client:
        client.set("order:1", "new")
        server.stack.perform(Inject("database.lock"))
        with pytest.raises(redis.ResponseError, match=r"^unavailable: .*nothing was changed"):
            client.set("order:1", "paid")
        server.stack.perform(Heal())
        assert client.get("order:1") == b"new"


def test_exec_is_carried_out_as_one(shared: Running) -> None:
    """Two clients move units between two counters; a third never sees one that is under way."""
    with shared.client() as client:
        client.mset({"views:left": 50, "order:right": 50})

    def moves() -> None:
        with shared.client() as client:
            for _ in range(40):
                client.pipeline().decr("views:left").incr("order:right").execute()

    def looks() -> set[int]:
        found = set()
        with shared.client() as client:
            for _ in range(80):
                left, right = client.mget("views:left", "order:right")
                found.add(int(left) + int(right))
        return found

    *_, seen = together([moves, moves, looks])
    assert seen == {100}


def test_optimistic_locking_loses_no_increment(shared: Running) -> None:
    def adds() -> None:
        with shared.client() as client:
            for _ in range(20):
                client.transaction(adds_one, "views:sum")

    def adds_one(pipe: Any) -> None:
        before = int(pipe.get("views:sum") or 0)
        pipe.multi()
        pipe.set("views:sum", before + 1)

    together([adds, adds, adds])
    with shared.client() as client:
        assert client.get("views:sum") == b"60"


def test_only_one_wins_a_set_nx(shared: Running) -> None:
    for number in range(20):
        key = f"{'views' if number % 2 else 'order'}:lock:{number}"

        def takes(key: str = key) -> bool:
            with shared.client() as client:
                return bool(client.set(key, "mine", nx=True))

        assert sum(together([takes] * 4)) == 1


def test_one_pipeline_sees_its_own_writes(shared: Running) -> None:
    with shared.client() as client:
        pipeline = client.pipeline(transaction=False)
        for key in ("views:own", "order:own"):
            pipeline.delete(key)
            pipeline.set(key, "1", nx=True)
            pipeline.set(key, "2", nx=True)
            pipeline.incr(key)
            pipeline.get(key)
            pipeline.getdel(key)
            pipeline.exists(key)
            pipeline.set(key, "3")
            pipeline.getdel(key)
        expected = [True, None, 2, b"2", b"2", 0, True, b"3"]
        assert pipeline.execute() == [0, *expected] * 2


def test_an_expired_watched_key_aborts(wire: Wire) -> None:
    wire.call("SET", "views:w", "1", "PX", "1")
    wire.call("SET", "views:w", "1", "PX", "200")
    wire.call("WATCH", "views:w")
    if wire.call("EXISTS", "views:w"):
        until(lambda: not wire.call("EXISTS", "views:w"))
        wire.call("MULTI")
        wire.call("SET", "views:other", "1")
        assert wire.call("EXEC") is None


jobs = [
    Job(frozenset(lanes), [0], lambda replies: None)
    for lanes in (
        {Lane.READ}, {Lane.BEHIND}, {Lane.BEHIND, Lane.THROUGH}, {Lane.BEHIND}, {Lane.THROUGH},
        {Lane.READ}, {Lane.SURVEY},
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("busy", "chosen"),
    [
        (set(), [[0, 5], [1], [6]]),
        ({Lane.BEHIND}, [[0, 5], [6]]),
        ({Lane.READ}, [[1], [6]]),
        ({Lane.READ, Lane.SURVEY}, [[1]]),
    ],
)
def test_no_job_is_overtaken_in_a_lane_of_its_own(busy: set[Lane], chosen: list[list[int]]) -> None:
    groups = choose(jobs, busy)
    assert sorted([jobs.index(job) for job in group] for group in groups) == chosen


def test_a_command_that_dies_holds_up_no_other() -> None:
    with running() as server, server.client() as client:
        server.stack.failpoints.arm("behind.receipt.before", "1*crash")
        with pytest.raises(redis.ResponseError, match=r"^outcome unknown"):
            client.incr("views:1")
        assert client.incr("views:2") == 1
        assert client.get("views:1") == b"1"
