"""The workloads of the bench on the real engines: each lap does what its row of the table says."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from engine.until import until

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import Unavailable
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.lab.bench.engines import Engines
from cachedesk.lab.bench.fixtures import CALLERS, MANY, VALUE_BYTES, drawn
from cachedesk.lab.bench.peers import MODULES, open_peers
from cachedesk.lab.bench.programs import crashed_directory
from cachedesk.lab.bench.redis_calls import (
    ByBareSocket,
    ByRedisPy,
    RedisCalls,
    dropped_in_parts,
)
from cachedesk.lab.bench.rivals import LIMIT, OURS, Rival
from cachedesk.stack.stack import Stack
from cachedesk.stores.queue_log import record
from tests.lab.arena import BARE, DOES, EFFORT, EVENTS, LATER, Arena, Place, opened

pytestmark = pytest.mark.slow

FULL = 2
NEVER = Settings(worker=WorkerSettings(batch_events=1_000_000, batch_age_seconds=3600))


def who_do(*works: str) -> list[tuple[str, str]]:
    """Return each of ``works`` with each who does it."""
    return [(name, work) for work in works for name, theirs in DOES.items() if work in theirs]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with opened(tmp_path_factory.mktemp("bench")) as arena:
        yield arena


def hits_and_misses(redis: ByRedisPy) -> tuple[int, int]:
    """Return what Redis has counted."""
    found = redis.client.info("stats")
    return found["keyspace_hits"], found["keyspace_misses"]


def fresh(it: Place, keys: Sequence[bytes], found: dict[bytes, Any]) -> bool:
    """Whether all of ``keys`` are in ``found``, each with a value that no key had before."""
    values = set(found.values())
    return (
        found.keys() == set(keys)
        and it.fixtures.value not in values
        and {len(value) for value in values} == {VALUE_BYTES}
    )


def total(values: dict[bytes, Any]) -> int:
    """Return what these counters come to together."""
    return sum(map(int, values.values()))


def test_everybody_does_the_works_that_it_can(arena: Arena) -> None:
    found = {name: set(place.rival.laps()) for name, place in arena.places.items()}
    assert found == DOES
    assert next(iter(found)) == OURS


@pytest.mark.parametrize(("name", "work"), who_do("hit", "hits"))
def test_a_read_is_one_hit_in_the_cache(arena: Arena, name: str, work: str) -> None:
    it = arena[name]
    lap = it.lap(work)
    if name == "diskcache":
        cache = it.rival._cache
        cache.stats(enable=True, reset=True)
        lap.run(2 * MANY)
        assert cache.stats(enable=False, reset=True) == (2 * MANY, 0)
        assert it.rows(it.fixtures.read) == it.fixtures.values
        return
    assert it.cached(it.fixtures.read) == it.fixtures.values
    hits, misses = hits_and_misses(it.redis)
    lap.run(2 * MANY)
    assert hits_and_misses(it.redis) == (hits + 2 * MANY, misses)


@pytest.mark.parametrize(("name", "work"), who_do("repair"))
def test_a_repair_brings_what_was_evicted_back_from_the_row(
    arena: Arena, name: str, work: str
) -> None:
    it = arena[name]
    lap = it.lap(work)
    assert lap.most == len(it.fixtures.cold)
    lap.prepare(50)
    assert it.cached(it.fixtures.cold) == {}
    assert set(it.rows(it.fixtures.cold).values()) == {it.fixtures.value}
    lap.run(50)
    assert it.cached(it.fixtures.cold) == dict.fromkeys(it.fixtures.cold[:50], it.fixtures.value)
    lap.prepare(50)
    assert it.cached(it.fixtures.cold) == {}


@pytest.mark.parametrize(("name", "work"), who_do("behind", "behind_16"))
def test_a_counter_counts_in_the_cache_at_once_and_in_the_database_when_settled(
    arena: Arena, name: str, work: str
) -> None:
    it = arena[name]
    keys, operations = it.fixtures.counted, 3 * CALLERS
    it.forget(keys)
    assert (it.cached(keys), it.rows(keys), it.waiting()) == ({}, {}, 0)
    lap = it.lap(work)
    lap.prepare(operations)
    lap.run(operations)
    if name != "diskcache":
        assert total(it.cached(keys)) == operations
    if name in LATER:
        # The limit puts sixteen at a time.
        batch = CALLERS if (name in (LIMIT, BARE) and work == "behind_16") else 1
        assert it.waiting() == operations // batch
    if name == OURS:
        assert sum(int(value or 0) for value in it.rival.stack.layer.get_many(keys)) == operations
    lap.settle()
    assert it.waiting() == 0
    assert total(it.rows(keys)) == (0 if name in LATER else operations)


@pytest.mark.parametrize(("name", "work"), who_do("behind_100"))
def test_two_hundred_sessions_are_set_at_once_and_are_rows_when_settled(
    arena: Arena, name: str, work: str
) -> None:
    it = arena[name]
    keys, operations = it.fixtures.fast, 2 * MANY
    it.forget(keys)
    lap = it.lap(work)
    lap.prepare(operations)
    lap.run(operations)
    keys = keys[:operations]
    if name != "diskcache":
        assert fresh(it, keys, it.cached(keys))
    if name in LATER:
        assert it.waiting() == (2 if name in (LIMIT, BARE) else operations)
    lap.settle()
    assert it.waiting() == 0
    rows = it.rows(keys)
    assert rows == {} if name in LATER else fresh(it, keys, rows)


@pytest.mark.parametrize(("name", "work"), who_do("through", "through_100"))
def test_a_write_through_is_a_row_and_in_the_cache_when_it_returns(
    arena: Arena, name: str, work: str
) -> None:
    it = arena[name]
    keys, operations = it.fixtures.safe, 2 * MANY
    it.forget(keys)
    it.lap(work).run(operations)
    keys = keys[:operations]
    assert fresh(it, keys, it.rows(keys))
    assert it.waiting() == 0
    if name != "diskcache":
        assert fresh(it, keys, it.cached(keys))


@pytest.mark.parametrize(("name", "work"), who_do("drain"))
def test_a_drain_applies_everything_that_was_put_in_and_leaves_nothing_pending(
    arena: Arena, name: str, work: str
) -> None:
    it = arena[name]
    keys = it.fixtures.drained
    it.forget(keys)
    lap = it.lap(work)
    assert lap.fixed
    expected = Counter(drawn(keys, lap.fixed))
    for number in (1, 2):
        lap.prepare(lap.fixed)
        assert it.waiting() >= 1
        if name == OURS:
            assert it.rival.stack.pending.depth == lap.fixed
            assert it.rival.stack.worker.state().paused
        lap.run(lap.fixed)
        rows = it.rows(keys)
        if name in (LIMIT, BARE):
            # Only rows are written, nothing is added up: less cannot be done.
            assert rows.keys() == expected.keys()
        else:
            assert {key: int(value) for key, value in rows.items()} == {
                key: number * count for key, count in expected.items()
            }
        if name == "ack queue":
            assert it.rival._queue.size == it.rival._queue.unack_count() == 0
        else:
            assert it.waiting() == 0
        lap.settle()
        assert it.waiting() == 0
        if name == OURS:
            assert it.rival.stack.pending.depth == 0
            assert not it.rival.stack.worker.state().paused


def test_what_is_drained_is_as_many_for_all_who_do_it_fast(arena: Arena) -> None:
    assert {arena[name].lap("drain").fixed for name in (OURS, LIMIT, BARE)} == {1_000}
    assert {arena[name].lap("reopen").fixed for name in (OURS, LIMIT, BARE)} == {EVENTS}


def test_we_reopen_a_copy_of_the_dead_and_throw_it_away(arena: Arena) -> None:
    lap = arena[OURS].lap("reopen")
    log = (arena.dead / "log/log.db").read_bytes()
    before = sorted(arena.folder.iterdir())
    for _ in range(2):
        lap.prepare(EVENTS)
        assert len(sorted(arena.folder.iterdir())) == len(before) + 1
        lap.run(EVENTS)
        stack = arena[OURS].rival._reopened
        assert stack.snapshot().books.accepted == EVENTS
        lap.settle()
        assert sorted(arena.folder.iterdir()) == before
    assert (arena.dead / "log/log.db").read_bytes() == log


@pytest.mark.parametrize("name", [LIMIT, BARE])
def test_the_limit_of_a_reopening_decodes_every_event(
    arena: Arena, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, found = record.decode, Counter[bytes]()

    def counted(data: bytes) -> record.Record:
        made = decode(data)
        found.update(event.key for event in made.events)
        return made

    monkeypatch.setattr(record, "decode", counted)
    arena[name].lap("reopen").run(EVENTS)
    assert found == Counter(killed_with(EVENTS))


@pytest.mark.parametrize("name", [name for name in DOES if name != OURS])
def test_a_commit_of_anybody_is_on_the_disk(arena: Arena, name: str) -> None:
    rival = arena[name].rival
    connections: dict[str, Callable[[], list[sqlite3.Connection]]] = {
        LIMIT: lambda: [rival._rows, rival._queue._putter, rival._queue._getter],
        BARE: lambda: [rival._rows, rival._queue._putter, rival._queue._getter],
        "by hand": lambda: [rival._rows._connection],
        "ack queue": lambda: [
            rival._rows._connection, rival._queue._putter, rival._queue._getter
        ],
        "huey": lambda: [rival._rows._connection, rival._huey.storage.conn],
        "diskcache": lambda: [rival._cache._con],
    }  # fmt: skip
    found: list[int] = []

    def look() -> None:
        for connection in connections[name]():
            found.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    look()
    # Some open another connection for each thread.
    if name in ("huey", "diskcache"):
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert set(found) == {FULL}


@pytest.mark.parametrize("calls", [ByRedisPy, ByBareSocket])
def test_both_ways_to_call_redis_do_the_same(
    arena: Arena, calls: Callable[[str], RedisCalls]
) -> None:
    keys = [b"calls:%d" % number for number in range(2_500)]
    with closing(calls(arena.socket)) as redis:
        assert redis.get(b"calls:0") is None
        redis.set(keys[0], b"0")
        redis.set_many({keys[1]: b"1", keys[2]: b"2"})
        assert redis.get(keys[0]) == b"0"
        assert redis.get_many(keys[:4]) == [b"0", b"1", b"2", None]
        assert redis.incr(keys[2]) == 3
        assert redis.incr_many([keys[2], keys[2], keys[3]]) == [4, 5, 1]
        redis.set_many(dict.fromkeys(keys, b""))
        dropped_in_parts(redis, keys)
        assert redis.get_many(keys) == [None] * len(keys)


def killed_with(events: int) -> list[bytes]:
    """Return the keys that a stack was adding one to, until it was killed."""
    return [crashed_directory.KEYS[0], *drawn(crashed_directory.KEYS, events - 1)]


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which is empty. Its path has room for that of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="s-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("events", [1, 101, 250])
def test_a_stack_that_was_killed_has_exactly_so_many_pending(
    scratch: Path, tmp_path: Path, events: int
) -> None:
    data = crashed_directory.make(tmp_path, events)
    assert crashed_directory.pending_in(data) == events
    # What the server of the dead listened at.
    assert len(list(scratch.iterdir())) == 1
    stack = Stack(data, NEVER)
    try:
        assert stack.pending.depth == events
        expected = Counter(killed_with(events))
        found = {key: len(waiting) for key, waiting in stack.pending.all().items()}
        assert found == expected
        assert {key: int(value) for key, value in stack.layer.items()} == expected
    finally:
        stack.close()
    assert list(scratch.iterdir()) == []


def test_clearing_up_leaves_nothing_among_the_temporary_files(
    scratch: Path, tmp_path: Path
) -> None:
    data = crashed_directory.make(tmp_path, 50)
    shutil.copytree(data, tmp_path / "copy")
    assert os.listdir(scratch) != []
    crashed_directory.clear_up(data)
    assert os.listdir(scratch) == []


def test_a_stack_that_cannot_even_open_was_not_killed(tmp_path: Path) -> None:
    (tmp_path / "dead").write_text("a file is no data directory")
    with pytest.raises(RuntimeError, match="ended before it could be killed"):
        crashed_directory.make(tmp_path, 10)


def test_who_closes_leaves_no_file_open(arena: Arena, tmp_path: Path) -> None:
    def still_open() -> list[str]:
        files = psutil.Process().open_files()
        return [file.path for file in files if file.path.startswith(str(tmp_path))]

    rivals: list[Rival] = open_peers(tmp_path, arena.socket, EFFORT.share)
    limit = Engines(LIMIT, tmp_path / LIMIT, ByRedisPy(arena.socket), EFFORT, arena.dead)
    assert len(still_open()) > len(rivals)
    for rival in (*rivals, limit):
        rival.close()
    assert still_open() == []
    assert not (tmp_path / LIMIT).exists()


def test_a_peer_that_cannot_open_closes_those_before_it(arena: Arena, tmp_path: Path) -> None:
    (tmp_path / "huey").mkdir()
    with pytest.raises(FileExistsError):
        open_peers(tmp_path, arena.socket, EFFORT.share)
    assert not [
        file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))
    ]


def test_a_peer_that_is_not_installed_is_left_out(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in MODULES:
        monkeypatch.setitem(MODULES, module, "no_module_of_this_name")  # type: ignore[misc]
    peers = open_peers(tmp_path, arena.socket, EFFORT.share)
    assert [peer.name for peer in peers] == ["by hand", "ack queue"]
    for peer in peers:
        peer.close()


def test_a_hang_of_our_server_cuts_no_connection_of_another(arena: Arena) -> None:
    stack = arena[OURS].rival.stack
    with (
        closing(ByBareSocket(arena.socket)) as theirs,
        closing(ByBareSocket(stack.redis_socket)) as within,
    ):
        stack.perform(Inject("redis.hang"))
        with suppress(Unavailable):
            stack.layer.get(b"views:ours:none")
        stack.perform(Heal())
        until(lambda: stack.cache.cache.trusted)
        for calls in (theirs, within, arena["by hand"].redis):
            assert calls.get(b"nothing") is None
