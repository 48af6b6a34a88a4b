"""Two stacks in two processes, under one traffic and one keyboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cachedesk.core.commands import (
    EvictAll,
    Heal,
    Inject,
    PauseWorker,
    Record,
    ResumeWorker,
    SetRate,
)
from cachedesk.core.errors import CachedeskError, ConfigError
from cachedesk.core.safeguards import ALL_ON, Safeguards
from cachedesk.core.settings import Settings
from cachedesk.core.snapshot import Health
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.versus.pair import Pair, PairSnapshot
from cachedesk.lab.versus.sides import sides
from tests.engine.until import unhurried, until

LOAD = Load(4, 400.0)


def setups(*texts: str, settings: Settings | None = None):
    return sides(texts, unhurried(settings), ALL_ON)


@contextmanager
def running(*texts: str, load: Load = LOAD) -> Iterator[Pair]:
    """A pair under a light workload, which leaves neither a process nor a file."""
    pair = Pair(setups(*texts), WorkloadTraffic("article", 1), load, warm=False)
    children = [psutil.Process(side.pid) for side in pair.sides]
    folder = pair.sides[0]._errors.parents[1]
    try:
        pair.wait_open()
        servers = [server for child in children for server in child.children()]
        assert servers, "each side has its Redis"
        pair.start()
        yield pair
    finally:
        pair.close()
    assert not any(map(psutil.Process.is_running, children))
    until(lambda: not any(server.is_running() for server in servers))
    assert not folder.exists()


def lost(snapshot) -> int:
    books = snapshot.books
    return books.accepted - books.applied - books.pending - books.dead


def aligned(pair: Pair) -> PairSnapshot:
    """Return a pair of snapshots after the same operations."""
    found = []

    def look() -> bool:
        found[:] = [pair.snapshot()]
        return found[0].aligned

    until(look)
    return found[0]


@pytest.mark.slow
class TestPair:
    def test_a_killed_redis_costs_only_the_side_without_the_log(self):
        with running("log=off") as pair:
            until(lambda: pair.snapshot().left.snapshot.books.pending > 20)
            pair.perform(Inject("redis.kill"))
            until(lambda: lost(pair.snapshot().left.snapshot) > 0)
            assert lost(pair.snapshot().right.snapshot) == 0
            left, right = pair.finish()
        assert left.verdict.lost
        assert set(left.verdict.lost) <= set(range(1, left.verdict.accepted + 1))
        assert right.verdict.lost == ()
        assert right.verdict.sound

    def test_both_sides_get_the_same_operations(self):
        with running("batch=7") as pair:
            until(lambda: pair.driver.sent > 300)
            seen = aligned(pair)
            left, right = seen.left.snapshot, seen.right.snapshot
            assert left.books.accepted == right.books.accepted > 0
            assert (left.reads.hits + left.reads.misses) == (right.reads.hits + right.reads.misses)
            values = [{hot.key: hot.truth for hot in one.hot} for one in (left, right)]
            # Which of equally used keys are among the hottest may differ.
            common = values[0].keys() & values[1].keys()
            assert len(common) > 20
            assert all(values[0][key] == values[1][key] for key in common)
            assert left.worker.batch_events == 7
            assert right.worker.batch_events == Settings().worker.batch_events

    def test_a_key_is_explained_by_the_side_that_is_asked(self):
        with running("log=off") as pair:
            until(lambda: any(hot.unlogged for hot in pair.snapshot().left.snapshot.hot))
            pair.perform(SetRate(1.0))
            hot = [one.key for one in aligned(pair).left.snapshot.hot if one.unlogged]
            key = hot[0]
            left, right = pair.explain(0, key), pair.explain(1, key)
            assert left.key == right.key == key
            assert left.unlogged
            assert not right.unlogged
            os.kill(pair.left.pid, signal.SIGKILL)
            until(pair.left.gone.is_set)
            with pytest.raises(CachedeskError, match="killed by SIGKILL"):
                pair.explain(0, key)
            assert pair.explain(1, key).key == key

    def test_a_command_reaches_both_sides(self):
        with running("read_repair=off") as pair:
            until(lambda: pair.snapshot().left.snapshot is not None)
            pair.perform(PauseWorker())
            assert all(
                view.snapshot.worker.paused
                for view in (pair.snapshot().left, pair.snapshot().right)
            )
            pair.perform(ResumeWorker())
            pair.perform(Inject("redis.down"))
            seen = pair.snapshot()
            assert seen.left.snapshot.redis.health is Health.DOWN
            assert seen.right.snapshot.redis.health is Health.DOWN
            pair.perform(Heal())
            until(lambda: pair.snapshot().left.snapshot.redis.health is Health.UP)
            until(lambda: pair.snapshot().right.snapshot.redis.health is Health.UP)
            pair.perform(EvictAll())
            pair.perform(SetRate(100.0))
            assert pair.snapshot().left.snapshot.rate == 100.0
            with pytest.raises(CachedeskError, match=r"did you mean 'redis\.kill'"):
                pair.perform(Inject("redis.kil"))
            with pytest.raises(ConfigError, match="above 0"):
                pair.perform(SetRate(-1.0))

    def test_keys_of_a_client_that_waits_are_busy(self):
        with running("batch=100") as pair:
            until(lambda: pair.snapshot().right.snapshot is not None)
            until(
                lambda: any(
                    hot.key.startswith(b"balance:") for hot in aligned(pair).right.snapshot.hot
                )
            )
            pair.perform(Inject("database.lock"))
            found = []

            def some_are_busy() -> bool:
                found[:] = [pair.snapshot()]
                return bool(found[0].busy)

            until(some_are_busy)
            assert not found[0].aligned
            hot = {one.key for one in found[0].right.snapshot.hot}
            assert set(found[0].busy) <= hot
            pair.perform(Heal())
            aligned(pair)

    def test_a_side_that_dies_is_shown_and_the_other_goes_on(self):
        with running("log=off") as pair:
            until(lambda: pair.driver.sent > 100)
            os.kill(pair.left.pid, signal.SIGKILL)
            until(lambda: pair.snapshot().left.ended)
            assert pair.snapshot().left.ended == "killed by SIGKILL"
            accepted = pair.snapshot().right.snapshot.books.accepted
            until(lambda: pair.snapshot().right.snapshot.books.accepted > accepted)
            pair.perform(PauseWorker())
            assert pair.snapshot().right.snapshot.worker.paused
            left, right = pair.finish()
        assert left.verdict is None
        assert left.ended == "killed by SIGKILL"
        assert right.verdict.sound

    def test_a_stopped_side_holds_back_both_and_blocks_nothing(self):
        with running("batch=100", load=Load(4, 5_000.0)) as pair:
            until(lambda: pair.snapshot().left.snapshot is not None)
            os.kill(pair.left.pid, signal.SIGSTOP)
            try:
                until(lambda: pair.driver.dropped > 0)
                seen = pair.snapshot()
                assert seen.left.silent
                assert not seen.right.silent
                assert not seen.aligned
            finally:
                os.kill(pair.left.pid, signal.SIGCONT)
            before = aligned(pair)
            assert before.left.snapshot.books.accepted == before.right.snapshot.books.accepted

    def test_each_side_is_recorded_to_its_own_file(self, tmp_path: Path):
        from cachedesk.recording.recording_file import RecordingFile

        with running("log=off") as pair:
            until(lambda: pair.snapshot().left.snapshot is not None)
            until(lambda: pair.snapshot().right.snapshot is not None)
            pair.perform(Record(str(tmp_path / "both.rec")))
            assert pair.snapshot().left.snapshot.recording
            with pytest.raises(CachedeskError, match="stop that recording first"):
                pair.perform(Record(str(tmp_path / "other.rec")))
            pair.perform(Record(None))
            assert not pair.snapshot().left.snapshot.recording
            with pytest.raises(CachedeskError, match="exists"):
                pair.perform(Record(str(tmp_path / "both.rec")))
        for name, title, log in (("left", "log=off", False), ("right", "log=on", True)):
            with RecordingFile(tmp_path / f"both.{name}.rec") as tape:
                assert tape.at(0).safeguards.log is log
                assert tape.at(0).workload.endswith(f" · {title}")
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "both.left.rec",
            "both.right.rec",
        ]

    def test_a_side_that_cannot_be_opened_is_named(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setattr(sys, "executable", "/bin/false")
        pair = Pair(setups("log=off"), WorkloadTraffic("article", 1), LOAD)
        try:
            with pytest.raises(CachedeskError, match=r"log=off: ended with status 1"):
                pair.wait_open()
        finally:
            pair.close()

    def test_no_side_outlives_a_killed_parent(self, tmp_path: Path):
        script = textwrap.dedent("""
            import os, signal
            from cachedesk.core.safeguards import ALL_ON
            from cachedesk.core.settings import Settings
            from cachedesk.lab.load.driver import Load
            from cachedesk.lab.load.traffic import WorkloadTraffic
            from cachedesk.lab.versus.pair import Pair
            from cachedesk.lab.versus.sides import sides
            pair = Pair(sides(["log=off"], Settings(), ALL_ON), WorkloadTraffic("article", 1),
                        Load(4, 300.0), warm=False)
            pair.wait_open()
            pair.start()
            print(*(side.pid for side in pair.sides), flush=True)
            signal.pause()
        """)
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        command = [sys.executable, "-c", script]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as parent:
            sides_of = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
            servers = [server for side in sides_of for server in side.children()]
            assert len(sides_of) == 2
            parent.kill()
        until(lambda: not any(process.is_running() for process in (*sides_of, *servers)))
        assert list(tmp_path.iterdir()) == []


@dataclass
class Case:
    texts: tuple[str, ...]
    titles: tuple[str, str]


@pytest.mark.parametrize(
    "case",
    [
        Case(("log=off",), ("log=off", "log=on")),
        Case(("log=on,off",), ("log=on", "log=off")),
        Case(("maxmemory=8mb",), ("maxmemory=8mb", "maxmemory=64mb")),
        Case(
            ("eviction=allkeys-lfu,allkeys-lru",),
            ("eviction=allkeys-lfu", "eviction=allkeys-lru"),
        ),
        Case(("batch=10", "log=off"), ("batch=10, log=off", "batch=1000, log=on")),
        Case(("policy=write-through",), ("policy=write-through", "policy as configured")),
        Case(
            ("policy=views:*=write-through",),
            ("policy=views:*=write-through", "policy as configured"),
        ),
    ],
    ids=lambda case: " ".join(case.texts),
)
def test_the_titles_say_what_differs(case: Case):
    left, right = sides(case.texts, Settings(), ALL_ON)
    assert (left.title, right.title) == case.titles
    assert (left.settings, left.safeguards) != (right.settings, right.safeguards)


def test_a_policy_changes_the_left_side_only():
    left, right = sides(["policy=views:*=write-through"], Settings(), ALL_ON)
    assert left.settings.policies["views:*"] == "write-through"
    assert right.settings.policies["views:*"] == "write-behind"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lgo=off", "there is no setting or safeguard 'lgo'; did you mean 'log'"),
        ("read-repair=off", "did you mean 'read_repair'"),
        ("maxmemry=8mb", "did you mean 'maxmemory'"),
        ("batch_events=5", "did you mean"),
        ("log=maybe", "log: write on or off, not 'maybe'"),
        ("log", "write --versus as NAME=VALUE, like log=off, not 'log'"),
        ("log=", "write --versus as NAME=VALUE"),
        ("log=on", "both sides would be the same with log=on"),
        ("batch=1,2,3", "there are two sides, so at most two values, not 3"),
        ("batch=0", "batch_events"),
        ("rate=5", "rate is the same on both sides; set it with --rate"),
        ("clients=5", "clients is the same on both sides; set it with --clients"),
        ("policy=views:*=write-thru", "did you mean 'write-through'"),
        ("eviction=lru", "eviction"),
    ],
)
def test_a_wrong_difference_is_named(text: str, message: str):
    with pytest.raises(ConfigError) as error:
        sides([text], Settings(), ALL_ON)
    assert message in str(error.value)


def test_a_difference_is_named_once():
    with pytest.raises(ConfigError, match="batch is given twice"):
        sides(["worker.batch_events=5", "batch=7"], Settings(), ALL_ON)


def test_both_sides_start_from_the_same_safeguards():
    left, right = sides(["read_repair=off"], Settings(), Safeguards(log=False))
    assert left.safeguards == Safeguards(log=False, read_repair=False)
    assert right.safeguards == Safeguards(log=False)
