"""A warm start: the desk's stack is full and in Redis before its workload begins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cachedesk.core.settings import LogSettings, Settings
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.modes.starting import StartingSession
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.load.workload import USERS
from cachedesk.lab.run.session import Session
from cachedesk.lab.run.warm_start import warm_up
from tests.engine.until import unhurried, until

_ARTICLES = 100
_TRAFFIC = WorkloadTraffic("article", 1, _ARTICLES)
_KEYS = 3 * _ARTICLES + 2 * USERS


def _session(data: Path, *, ops: int | None = 2_000) -> Session:
    return Session(data, unhurried(), _TRAFFIC, Load(4, ops=ops))


def _warm(session: Session, stopping: threading.Event | None = None) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    warm_up(
        session,
        _TRAFFIC.contents(),
        stopping or threading.Event(),
        lambda done, total: seen.append((done, total)),
    )
    return seen


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "data"


def test_an_empty_stack_is_filled_and_its_first_reads_are_hits(data: Path) -> None:
    with _session(data) as session:
        assert _warm(session)[-1] == (_KEYS, _KEYS)
        now = session.stack.snapshot()
        assert now.redis.keys == _KEYS
        assert now.books.accepted == _KEYS, "the books keep what was written"
        assert (now.reads.hits, now.reads.misses, now.writes.behind) == (0, 0, 0)
        session.start()
        assert session.driver.wait(60)
        report = session.finish()
    assert report.verdict.sound
    assert report.tally.hits > 0.9 * report.tally.gets


def test_a_second_start_writes_only_what_is_missing(data: Path) -> None:
    with _session(data) as session:
        _warm(session)
        session.stack.layer.delete("views:article:1")
        session.stack.layer.incr("views:article:2", 5)
        views = session.stack.layer.get("views:article:2")
        # What is still pending when a stack is opened again is accepted there once more.
        session.stack.layer.drain(60)
    with _session(data) as session:
        _warm(session)
        now = session.stack.snapshot()
        assert now.books.accepted - now.books.pending <= 1
        assert session.stack.layer.get("views:article:1") is not None
        assert session.stack.layer.get("views:article:2") == views
        assert session.stack.snapshot().redis.keys == _KEYS
        assert session.finish().verdict.sound


def test_a_directory_of_something_else_stays_as_it_is(data: Path) -> None:
    with _session(data) as session:
        session.stack.layer.set("mine", "41")
    with _session(data) as session:
        _warm(session)
        assert dict(session.stack.layer.items()) == {b"mine": b"41"}


def test_it_ends_when_the_desk_is_closed(data: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    with _session(data) as session:
        assert _warm(session, stopping) == []
        assert session.stack.snapshot().books.accepted == 0


def test_a_stack_that_takes_no_writes_opens_as_it_is(data: Path) -> None:
    full = msgspec.structs.replace(Settings(), log=LogSettings(limit_events=10, when_full="reject"))
    with Session(data, unhurried(full), _TRAFFIC, Load(4)) as session:
        _warm(session)
        assert session.stack.snapshot().books.accepted < _KEYS
        session.start()
        until(lambda: session.driver.tally().gets > 1_000)
        assert session.driver.finish().stale == 0
        assert session.stack.snapshot().books.balanced


def test_the_desk_starts_warm(data: Path) -> None:
    traffic = WorkloadTraffic("article", 1, _ARTICLES)
    starting = StartingSession(
        lambda: Session(data, unhurried(), traffic, Load(4, 500.0)), traffic.contents()
    )
    seen: list[Snapshot] = []

    def driven() -> bool:
        seen.append(starting.snapshot())
        return seen[-1].rate is not None and seen[-1].reads.hits > 200

    starting.start(lambda: None)
    try:
        until(driven)
    finally:
        starting.close()
    for snapshot in seen:
        if snapshot.workload.startswith("warming"):
            assert snapshot.ticks == ()
    reads = seen[-1].reads
    assert reads.hits > 0.9 * (reads.hits + reads.misses)


def test_only_a_workload_of_known_contents_has_some() -> None:
    assert list(WorkloadTraffic("ycsb-a", 1).contents()) == []
    keys = [write.key for write in _TRAFFIC.contents()]
    assert len(keys) == len(set(keys)) == _KEYS
    read = {
        operation.key
        for operation, _ in zip(_TRAFFIC.operations(), range(20_000), strict=False)
        if operation.op.value == "get"
    }
    assert read <= set(keys), "every key that is read is there"
