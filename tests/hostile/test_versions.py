"""Data directories that earlier versions made open for ever; newer ones are refused as they are."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from engine.scenarios import redis_at, running, wait_until_trusted
from engine.until import until

import cachedesk
from cachedesk.core.errors import OtherVersion
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.settings import RedisSettings, Settings

from .cases import check_message, digest, truth

GOLDEN = Path(__file__).parent / "golden"
OPEN = ["schema-1", "schema-2", "schema-2-marked", "schema-3"]
TRUTH = {
    **{b"order:%03d" % number: b"paid %d" % number for number in range(20)},
    **{b"session:%d" % number: b"since %d" % number for number in range(2, 10)},
    b"session:0": b"later",
    b"session:new": b"a",
    b"balance:1": b"41",
    b"views:1": b"10",
    b"views:2": b"6",
    b"views:bad": b"text",
    b"bytes:\x00": b"\x00\xff" * 8,
}
ADDED = {"schema-3": {b"order:lasting": b"until 2126"}}
CENTURY_SECONDS = 36_500 * 86_400.0


def unpacked(name: str, to: Path) -> Path:
    with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
        archive.extractall(to, filter="data")
    return to


@pytest.mark.parametrize("stop", ["closed", "killed"])
@pytest.mark.parametrize("name", OPEN)
def test_it_is_read_flushed_written_and_read_again(name: str, stop: str, tmp_path: Path) -> None:
    data = unpacked(name, tmp_path) / stop
    expected = TRUTH | ADDED.get(name, {})
    # However old its events are, the worker flushes none of them yet.
    stopped = Failpoints("worker.read.after=pause")
    with running(data, failpoints=stopped) as stack:
        assert dict(stack.layer.items()) == expected
        assert stack.layer.read("views:1").pending == 1
        books = stack.snapshot().books
        assert (books.pending, books.dead, books.balanced) == (6, 1, True)
        (letter,) = stack.layer.dead_letters()
        assert (letter.key, letter.attempts) == (b"views:bad", 1)
    with running(data) as stack:
        stack.layer.drain(60)
        assert dict(stack.layer.items()) == expected
        stack.layer.set("views:bad", b"1", policy="write-through")
        stack.layer.replay_dead(letter.seq)
        assert stack.layer.incr("views:2") == 7
        stack.layer.delete("order:000")
        stack.layer.drain(60)
    changed = {**expected, b"views:bad": b"6", b"views:2": b"7"}
    del changed[b"order:000"]
    assert truth(data) == changed


@pytest.mark.parametrize("stop", ["closed", "killed"])
def test_deadlines_of_rows_and_pending_events_are_read(stop: str, tmp_path: Path) -> None:
    data = unpacked("schema-3", tmp_path) / stop
    for pending in (True, False):
        failpoints = Failpoints("worker.read.after=pause") if pending else None
        with running(data, failpoints=failpoints) as stack:
            for key in ("order:lasting", "session:new", "session:2"):
                assert 0 < (stack.layer.ttl(key) or 0) <= CENTURY_SECONDS
            assert stack.layer.get("order:expired") is None
            assert stack.layer.ttl("session:3") is None
            if not pending:
                stack.layer.drain(60)
                until(lambda: [at for _, at in stack._state.database.expiring(9)][:1] > [2e9])


def test_a_snapshot_of_redis_from_before_keys_had_generations_is_dropped(tmp_path: Path) -> None:
    data, warm = tmp_path / "data", Settings(redis=RedisSettings(restart="warm"))
    with running(data, warm) as stack:
        stack.layer.set("order:1", b"new")
    with redis_at(tmp_path / "r.sock") as earlier:
        earlier.call(b"MSET", b"order:1", b"old", b"order:2", b"old", b"cd:x:order:1", b"old")
        earlier.call(b"SAVE")
    (tmp_path / "dump.rdb").replace(data / "redis" / "snapshot.rdb")
    with running(data, warm) as stack:
        wait_until_trusted(stack)
        (started,) = [it for it in stack.snapshot().events if "0 keys agree" in it.text]
        assert "3 keys dropped" in started.text
        assert stack.layer.get_many(["order:1", "order:2", "cd:x:order:1"]) == [b"new", None, None]
        until(lambda: stack.snapshot().redis.keys == 1)


@pytest.mark.parametrize("name", ["early-1", "early-2"])
def test_one_from_before_the_first_version_is_called_old_and_left_as_it_is(
    name: str, tmp_path: Path
) -> None:
    data = unpacked(name, tmp_path) / "closed"
    before = digest(data)
    with pytest.raises(OtherVersion) as caught:
        cachedesk.open(data).close()
    check_message(str(caught.value), ["from before the first version"])
    assert digest(data) == before


def test_each_archive_is_tried() -> None:
    names = {path.name.removesuffix(".tar.xz") for path in GOLDEN.glob("*.xz")}
    assert names == {*OPEN, "early-1", "early-2"}
