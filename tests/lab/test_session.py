"""Sessions on the real engine: sound under faults, and with a bug planted in the engine, not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pytest

from cachedesk.core.events import Coalesced, Entry, WriteEvent, coalesce
from cachedesk.core.settings import DatabaseSettings, Settings
from cachedesk.engine import local_engine
from cachedesk.engine.key_versions import KeyVersions
from cachedesk.lab.load import client
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import TraceTraffic, WorkloadTraffic
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.schedule import planned
from cachedesk.lab.run.session import Session
from cachedesk.lab.trace import check
from tests.engine.until import unhurried

_HASTY = msgspec.structs.replace(Settings(), database=DatabaseSettings(write_seconds=0.05))


def _run(
    data: Path, *faults: str, ops: int = 3000, settings: Settings | None = None, armed: str = ""
) -> RunReport:
    with Session(
        data,
        unhurried(settings),
        WorkloadTraffic("article", 1),
        Load(clients=4, ops=ops),
        [planned(fault) for fault in faults],
        failpoints=armed,
    ) as session:
        session.start()
        assert session.driver.wait(60)
        report = session.finish()
    for point in session.stack.failpoints.armed():
        assert session.stack.failpoints.spent(point), f"{point} was not reached often enough"
    return report


def test_a_run_is_sound_and_its_books_balance(tmp_path: Path) -> None:
    report = _run(tmp_path)
    tally, verdict = report.tally, report.verdict
    assert verdict.sound
    assert report.complete
    assert tally.done == 3000
    assert verdict.accepted == verdict.applied == tally.sets + tally.incrs + tally.deletes
    assert verdict.pending == verdict.dead == 0
    assert tally.gets == tally.hits + tally.misses
    assert 0 < report.lag.p50 <= report.lag.p99 <= report.lag.max < 60
    assert tally.depth_max > 0


def test_a_second_run_begins_where_the_first_ended(tmp_path: Path) -> None:
    assert _run(tmp_path, ops=500).verdict.sound
    assert _run(tmp_path, ops=500).verdict.sound


def test_a_run_is_sound_whatever_breaks(tmp_path: Path) -> None:
    counts = {"redis.kill": 500, "worker.crash": 800, "redis.empty": 2500, "redis.hang": 3000}
    report = _run(tmp_path, *(f"{name}@{count}ops" for name, count in counts.items()), ops=4000)
    assert report.verdict.sound
    assert report.complete
    assert [fault.name for fault in report.faults] == list(counts)
    # The later two may find that Redis is not back yet.
    assert all(fault.injected for fault in report.faults[:2])


def test_a_locked_database_is_healed_before_the_drain(tmp_path: Path) -> None:
    report = _run(tmp_path, "database.lock@1000ops", ops=2000, settings=_HASTY)
    assert report.verdict.sound
    assert report.complete
    assert report.tally.unavailable_writes > 0


def test_a_trace_that_is_stuck_behind_a_fault_heals_it_and_ends_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STUCK_SECONDS", 0.1)
    trace = tmp_path / "trace.csv"
    trace.write_text("op,key,value\n" + "incr,balance:1,1\n" * 200)
    with Session(
        tmp_path / "data",
        _HASTY,
        TraceTraffic(check(trace)),
        Load(),
        [planned("database.lock@50ops")],
    ) as session:
        session.start()
        assert session.driver.wait(60)
        report = session.finish()
    assert report.verdict.sound
    assert report.complete
    assert (report.tally.incrs, report.tally.unavailable_writes) == (200, 0)
    assert report.tally.retries > 0


def test_a_session_that_is_left_is_closed(tmp_path: Path) -> None:
    with Session(tmp_path, unhurried(), WorkloadTraffic("article", 1), Load(rate=50)) as session:
        session.start()
    assert session.driver.wait(0)
    assert not (tmp_path / "redis.state").exists()


def test_an_error_that_the_layer_must_not_raise_ends_the_run_and_is_said(tmp_path: Path) -> None:
    report = _run(tmp_path, armed="behind.cache.after=1*raise(OSError)")
    assert "unexpected OSError in a client: failpoint behind.cache.after" in report.trouble
    assert not report.complete
    assert report.verdict.sound
    assert len(report.verdict.uncertain) == report.tally.unknown_writes > 0


@pytest.mark.parametrize("point", ["worker.apply.after_commit", "through.commit.after"])
def test_a_commit_whose_maker_died_before_saying_so_is_not_lost(tmp_path: Path, point: str) -> None:
    report = _run(tmp_path, armed=f"{point}=3*crash")
    assert report.verdict.sound
    assert report.complete


def test_planted_a_worker_that_drops_an_event_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[WriteEvent] = []

    def dropping(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
        events = list(events)
        for event in events:
            if not dropped and event.key.startswith(b"views:"):
                dropped.append(event)
        return coalesce(rows, [event for event in events if event not in dropped])

    monkeypatch.setattr(local_engine, "coalesce", dropping)
    verdict = _run(tmp_path).verdict
    assert verdict.lost == (dropped[0].seq,)
    assert [difference.key for difference in verdict.wrong] == [dropped[0].key]
    assert verdict.accepted == verdict.applied + 1


def test_planted_a_worker_that_applies_an_event_twice_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice: list[WriteEvent] = []

    def doubling(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
        events = list(events)
        again = [event for event in events if event.key.startswith(b"views:")][:1]
        if twice or not again:
            return coalesce(rows, events)
        twice.extend(again)
        once = coalesce(rows, events)
        row = once.rows[again[0].key]
        once.rows[again[0].key] = Entry(b"%d" % (int(row.value or 0) + 1), row.seq)
        return once._replace(applied=[*once.applied, *again])

    monkeypatch.setattr(local_engine, "coalesce", doubling)
    verdict = _run(tmp_path).verdict
    assert verdict.duplicated == (twice[0].seq,)
    assert twice[0].key in {difference.key for difference in verdict.wrong}


def test_planted_a_stale_fill_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every write leaves the value of the key's first write in the cache.
    from cachedesk.stores.redis.redis_cache import RedisCache

    put = RedisCache.put
    first: dict[bytes, bytes | None] = {}

    def stale(self: RedisCache, values: Mapping[bytes, bytes | None]) -> None:
        put(self, {key: first.setdefault(key, value) for key, value in values.items()})

    monkeypatch.setattr(RedisCache, "put", stale)
    monkeypatch.setattr(KeyVersions, "fill", lambda self, found, fill: fill(list(found)))
    report = _run(tmp_path)
    assert report.verdict.stale_reads == report.tally.stale > 0
    assert not report.verdict.sound
    assert not report.verdict.wrong
