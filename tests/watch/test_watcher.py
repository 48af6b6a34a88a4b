"""A watcher beside an application that keeps a log of its own hits and misses."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedesk.core.watched_server import (
    ChooseKeys,
    MonitorWindow,
    ServerUnreachable,
    WindowPlan,
)
from cachedesk.lab.trace import check
from cachedesk.stores.watched_redis.address import Address, parsed
from cachedesk.stores.watched_redis.redis_server import RedisServer, connect
from cachedesk.watch.sentences import lines
from cachedesk.watch.snapshot import PatternRow, WatchSnapshot
from cachedesk.watch.trace_file import TraceFileError
from cachedesk.watch.watcher import Watcher
from tests.engine.until import until

from .servers import Server


class Application:
    """A client on a thread: cache-aside, sessions that are read and written back, flags that are
    never filled; ``log`` has each read: when, of which prefix, and whether it was a hit."""

    def __init__(self, server: Server) -> None:
        self._client = server.client()
        self._chance = random.Random(1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.log: list[tuple[float, str, bool]] = []
        with server.client() as client:
            client.mset({f"flag:{it}": "on" for it in range(30)})

    def __enter__(self) -> Application:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        # Nothing expires: how fast the application is must not change how much it finds.
        chance, begun = self._chance, 0
        while not self._over.is_set():
            kind = chance.random()
            if kind < 0.6:
                key = f"page:{int(chance.paretovariate(0.9)) % 5000}"
                if chance.random() < 0.15:
                    self._client.delete(key)
                elif not self._get("page:*", key):
                    self._client.set(key, "x" * 100)
            elif kind < 0.8:
                if chance.random() < 0.3:
                    begun += 10
                    # Old sessions end, so that the server holds about as many keys all the time.
                    self._client.delete(*(f"session:{begun - 60 - it}" for it in range(10)))
                key = f"session:{max(0, begun - chance.randrange(60))}"
                self._get("session:*", key)
                self._client.set(key, "x" * 50)
            else:
                self._get("flag:*", f"flag:{chance.randrange(100)}")

    def _get(self, pattern: str, key: str) -> bool:
        found = self._client.get(key) is not None
        self.log.append((time.monotonic(), pattern, found))
        return found


class Timed(RedisServer):
    """A connection that notes when it looked."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.windows: list[tuple[float, float]] = []

    def monitor(self, plan: WindowPlan, choose: ChooseKeys) -> MonitorWindow:
        began = time.monotonic()
        try:
            return super().monitor(plan, choose)
        finally:
            self.windows.append((began, time.monotonic()))


@pytest.fixture
def application(server: Server) -> Iterator[Application]:
    with Application(server) as application:
        yield application


def watching(server: Server, budget: float = 0.5, *, monitor: bool = True) -> Watcher:
    return Watcher(lambda: connect(parsed(server.url)), budget, monitor=monitor)


def row(snapshot: WatchSnapshot, pattern: bytes) -> PatternRow | None:
    return next((it for it in snapshot.patterns if it.pattern == pattern), None)


@pytest.fixture
def watcher(server: Server) -> Iterator[Watcher]:
    watcher = watching(server)
    watcher.start()
    yield watcher
    watcher.close()


def test_the_hit_rate_by_prefix_is_that_of_the_applications_own_log(
    server: Server, application: Application
) -> None:
    until(lambda: len(application.log) > 500)
    timed = Timed(parsed(server.url))
    watcher = Watcher(lambda: timed, 0.5)
    watcher.start()
    try:
        until(lambda: watcher.snapshot().reads_seen > 4_000)
        found = watcher.snapshot()
    finally:
        watcher.close()
    true: dict[str, Counter[bool]] = {}
    for at, pattern, hit in tuple(application.log):
        if any(began <= at <= ended for began, ended in timed.windows):
            true.setdefault(pattern, Counter())[hit] += 1
    assert len(true) == 3
    for pattern, outcomes in true.items():
        told = row(found, pattern.encode())
        assert told is not None
        assert told.rate is not None
        rate = outcomes[True] / outcomes.total()
        # Reads at the edges of a window are in one of the two only.
        assert told.rate.low - 0.06 <= rate <= told.rate.high + 0.06, (pattern, rate, told.rate)
    text = "\n".join(lines(found))
    assert "page:*" in text
    assert "the server counted" in text


def test_memory_hot_and_big_keys_and_the_cost_of_a_restart_are_told(
    server: Server, application: Application, watcher: Watcher
) -> None:
    server.client().set("big:1", "x" * 100_000)
    until(lambda: (at := watcher.snapshot()).memory.complete and at.restart is not None)
    until(lambda: watcher.snapshot().memory.biggest[:1] != ())
    until(lambda: watcher.snapshot().memory.biggest[0].key == b"big:1")
    found = watcher.snapshot()
    flags = row(found, b"flag:*")
    assert flags is not None
    assert flags.memory is not None
    assert flags.memory.keys == pytest.approx(30, abs=1)
    assert found.hot
    assert found.hot[0].key.startswith((b"page:", b"session:", b"flag:"))
    assert found.restart is not None
    assert 0 < found.restart.first_minute_most <= 5_300


def test_without_monitor_the_server_is_never_asked_for_it(
    server: Server, application: Application
) -> None:
    watcher = watching(server, monitor=False)
    watcher.start()
    try:
        until(lambda: (at := watcher.snapshot()).hit_rate is not None and at.memory.sampled > 0)
        found = watcher.snapshot()
    finally:
        watcher.close()
    assert all(it.rate is None for it in found.patterns)
    assert found.restart is None
    assert "cmdstat_monitor" not in server.client().info("commandstats")
    assert any("not known" in line for line in lines(found))


def test_what_watching_costs_is_told_by_what_it_is_for(
    server: Server, application: Application, watcher: Watcher
) -> None:
    until(lambda: watcher.snapshot().load.windows >= 2)
    load = watcher.snapshot().load
    assert dict(load.spent).keys() == {
        "INFO", "SCAN", "MEMORY USAGE", "MONITOR", "connections",
    }  # fmt: skip
    assert all(spent >= 0 for _, spent in load.spent)
    assert 0 < load.share < 1


def test_a_server_that_went_away_is_told_and_found_again(server: Server, watcher: Watcher) -> None:
    until(lambda: watcher.snapshot().figures is not None)
    server.kill()
    until(lambda: watcher.snapshot().lost != "")
    assert server.path in watcher.snapshot().lost
    until(lambda: watcher.snapshot().lost_seconds > 0.3)
    server.again()
    until(lambda: watcher.snapshot().lost == "")
    looks = len(watcher.snapshot().history)
    until(lambda: len(watcher.snapshot().history) > looks)


def test_a_pause_asks_nothing(server: Server, watcher: Watcher) -> None:
    until(lambda: watcher.snapshot().figures is not None)
    watcher.toggle_pause()
    assert watcher.snapshot().paused
    client = server.client()

    def asked() -> int:
        return int(client.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"])

    # One step may have begun before the pause.
    until(lambda: (before := asked()) == asked() == asked() == before)
    seconds = watcher.snapshot().seconds
    watcher.toggle_pause()
    until(lambda: watcher.snapshot().seconds > seconds)


def test_what_is_recorded_is_a_trace_without_our_own_commands(
    server: Server, application: Application, watcher: Watcher, tmp_path: Path
) -> None:
    path = tmp_path / "sampled.txt"
    watcher.record(path)
    until(lambda: (state := watcher.snapshot().recording) is not None and state.lines > 200)
    watcher.stop_recording()
    assert watcher.snapshot().recording is None
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_bytes().lower()
    assert b'"get"' in text
    assert b'"memory"' not in text
    assert b'"info"' not in text
    trace = check(path)
    assert trace.format == "redis-monitor"
    assert trace.operations is not None
    assert trace.operations > 200


def test_a_file_that_is_there_is_not_written_to(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "there.txt"
    path.write_text("mine")
    with pytest.raises(TraceFileError, match="already exists"):
        watcher.record(path)
    assert path.read_text() == "mine"


def test_two_watches_do_not_record_to_one_file(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    first, second = watching(server), watching(server)
    try:
        first.record(path)
        with pytest.raises(TraceFileError, match="another process is recording"):
            second.record(path)
        second.close()
        assert path.exists(), "it is still the file of the first"
    finally:
        first.close()
        second.close()


def test_a_recording_of_nothing_leaves_no_file(server: Server, tmp_path: Path) -> None:
    watcher = watching(server)
    watcher.record(tmp_path / "none.txt")
    watcher.close()
    assert not (tmp_path / "none.txt").exists()


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(ServerUnreachable):
        Watcher(lambda: connect(parsed("unix:///nowhere/at.all")), 0.01)
