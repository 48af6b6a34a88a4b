"""A value that expires is absent everywhere from its deadline on, whatever happens in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cachedesk import testing
from cachedesk.core import clock
from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import InvalidValue, Unavailable
from cachedesk.core.events import Entry, ExpireOnly, Op, WriteEvent, coalesce, fold
from cachedesk.core.expiry import as_ttl
from cachedesk.core.settings import RedisSettings, Settings
from cachedesk.engine import purger as purger_module
from cachedesk.engine.overlay import Overlaid
from cachedesk.engine.purger import Purger
from cachedesk.stack.stack import Stack
from cachedesk.stores.redis import verification
from cachedesk.stores.redis.supervisor import RedisSupervisor
from tests.torture.planted.expiry_bugs import (
    deadline_lost_in_a_flush,
    deadline_not_logged,
    expired_row_is_read,
)

from . import expiries, poison
from .expiries import HOUR, later, purge
from .scenarios import BEHIND, PATIENT, THROUGH, running, wait_until_trusted
from .until import until

BOTH = pytest.mark.parametrize("policy", [THROUGH, BEHIND])
SCENARIOS = (
    expiries.expired_is_absent_everywhere,
    expiries.a_restart_keeps_the_deadline,
    expiries.a_purge_leaves_what_is_pending_its_base,
    expiries.a_purge_waits_for_a_write_that_was_accepted_before,
    expiries.a_purged_row_holds_what_is_delivered_again,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_scenarios_hold(scenario: Callable[[Path], None], tmp_path: Path) -> None:
    scenario(tmp_path)


@BOTH
def test_redis_serves_a_value_no_longer_than_it_lives(policy: str, tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        cache = stack.layer
        wait_until_trusted(stack)
        earliest = wall_seconds() + 0.7
        cache.set("short", "v", ttl="700ms", policy=policy)
        latest = wall_seconds() + 0.7
        while True:
            began = wall_seconds()
            if cache.get("short") is None:
                break
            assert began < latest
        assert wall_seconds() >= earliest
        assert cache.get_many(["short"]) == [None]


@BOTH
def test_a_set_replaces_the_deadline_and_an_increment_keeps_it(policy: str) -> None:
    with testing.open() as cache:
        cache.set("n", 1, ttl=HOUR, policy=policy)
        assert cache.incr("n", policy=policy) == 2
        assert 0 < (cache.ttl("n") or 0) <= HOUR
        assert cache.persist("n", policy=policy)
        assert not cache.persist("n", policy=policy)
        assert cache.ttl("n") is None
        assert cache.expire("n", "2h", policy=policy)
        assert HOUR < (cache.ttl("n") or 0) <= 2 * HOUR
        cache.set("n", 7, policy=policy)
        assert cache.ttl("n") is None
        with later(9 * HOUR):
            assert cache.get("n") == b"7"
        cache.delete("n", policy=policy)
        assert not cache.expire("n", 5, policy=policy)
        assert not cache.persist("never written", policy=policy)
        cache.drain(60)
        assert (cache.get("n"), cache.get("never written")) == (None, None)
        assert cache.snapshot().books.balanced


@BOTH
def test_an_expired_counter_counts_from_0(policy: str) -> None:
    with testing.open() as cache:
        cache.set("n", 41, ttl=HOUR, policy=policy)
        with later(HOUR):
            assert cache.incr("n", policy=policy) == 1
            cache.drain(60)
            assert cache.get("n") == b"1"
            assert cache.ttl("n") is None


def test_many_writes_of_one_call_expire_each_by_itself() -> None:
    with testing.open() as cache:
        operations = [
            ("set", "a", 1, HOUR),
            ("set", "b", 1, "3h"),
            ("set", "c", 1),
            ("expire", "c", 5 * HOUR),
            ("set", "d", 1, HOUR),
            ("persist", "d"),
        ]
        receipts = cache.write_many(operations)
        assert all(receipt.changed for receipt in receipts)
        for hours, there in ((0, 4), (2, 3), (4, 2), (6, 1)):
            with later(hours * HOUR):
                assert len(dict(cache.items())) == there


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 10**400, True, "", "1y", b"1"])
def test_a_ttl_that_is_none_changes_nothing(ttl: object) -> None:
    with testing.open() as cache:
        cache.set("a", 1)
        for call in (
            lambda: cache.set("a", 2, ttl=ttl),  # type: ignore[arg-type]
            lambda: cache.expire("a", ttl),  # type: ignore[arg-type]
            lambda: cache.write(("expire", "a", ttl)),
        ):
            with pytest.raises(InvalidValue, match="a ttl is seconds above 0"):
                call()
        assert (cache.get("a"), cache.ttl("a")) == (b"1", None)


def test_explain_tells_the_deadlines() -> None:
    with testing.open(settings=PATIENT) as cache:
        cache.set("row", 5, ttl=HOUR, policy=THROUGH)
        cache.expire("row", 3 * HOUR, policy=BEHIND)
        cache.set("event", 5, ttl=2 * HOUR, policy=BEHIND)
        cache.persist("event", policy=BEHIND)
        row, event = cache.explain("row"), cache.explain("event")
        assert 0 < (row.row_expires_at or 0) - row.at <= HOUR
        assert row.expires_at == row.steps[0].expires_at
        assert 2 * HOUR < (row.expires_at or 0) - row.at <= 3 * HOUR
        text = str(row)
        assert re.search(r"^database  5, expires in .+ \(seq 1\)$", text, re.M)
        assert re.search(r"^truth     5, expires in .+ h .+$", text, re.M)
        assert re.search(r"^event     seq 2 expire, expires in .+ h .+ = 5$", text, re.M)
        assert (event.row_expires_at, event.expires_at) == (None, None)
        assert "persist = 5" in str(event)
        with later(2 * HOUR):
            cache.evict("*")
            text = str(cache.explain("row"))
            assert re.search(r"^database  absent, expired .+ ago \(seq 1\)$", text, re.M)
            assert re.search(r"^truth     5, expires in", text, re.M)
        with later(4 * HOUR):
            cache.evict("*")
            text = str(cache.explain("row"))
            assert re.search(r"^truth     absent, expired .+ ago$", text, re.M)


def test_a_ttl_is_seconds_or_a_text() -> None:
    texts = ("250ms", "1.5", "30s", "30m", "2h", "1d")
    assert [as_ttl(text) for text in texts] == [0.25, 1.5, 30, 1_800, 7_200, 86_400]
    assert as_ttl(5) == 5


@BOTH
def test_it_is_absent_while_a_store_is_down(policy: str) -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, settings=PATIENT) as cache:
        cache.set("a", 1, ttl=HOUR, policy=policy)
        with later(2 * HOUR):
            with stores.cache_down():
                assert cache.get("a") is None
            with stores.database_down():
                if policy == BEHIND:
                    # The log alone says what it is worth.
                    assert cache.get("a") is None
                else:
                    with pytest.raises(Unavailable):
                        cache.get("a")


def test_a_batch_and_one_by_one_agree_on_what_expires() -> None:
    """``coalesce`` folds with a shortcut for counters."""
    key = b"k"
    steps: Sequence[tuple[Op, bytes | int | None, float | None]] = (
        (Op.INCR, 2, None),
        (Op.INCR, 2, 13.5),
        (Op.EXPIRE, int(ExpireOnly.GT), 14.5),
        (Op.EXPIRE, int(ExpireOnly.NX), 16.0),
        (Op.EXPIRE, None, 15.0),
        (Op.INCR, 3, None),
        (Op.EXPIRE, None, None),
        (Op.SET, b"7", 15.0),
        (Op.DELETE, None, None),
        (Op.INCR, 1, None),
        (Op.EXPIRE, None, 12.0),
        (Op.EXPIRE, int(ExpireOnly.LT | ExpireOnly.XX), 11.5),
        (Op.INCR, 1, 30.0),
    )
    rows = (Entry(None), Entry(b"5", 1), Entry(b"5", 1, 11.0), Entry(b"5", 1, 99.0))
    for row in rows:
        for first in range(len(steps)):
            for at in (10.0, 14.0, 20.0):
                events = [
                    WriteEvent(2 + number, op, key, arg, at + number, until)
                    for number, (op, arg, until) in enumerate(steps[first:])
                ]
                assert coalesce({key: row}, events).rows[key] == fold(row, events)


def expired_base_is_read_as_it_was_written(directory: Path) -> None:
    """Whether a write finds an expired value is decided by when it was accepted; its base may be
    read later."""
    with running(directory, PATIENT) as stack:
        stack.worker.controls.pause()
        stack.layer.set("counter", 5, ttl=HOUR, policy=THROUGH)
        base = stack.layer._reader().base(b"counter")
        with later(2 * HOUR):
            assert stack.layer._reader().base(b"counter") == base
            stack.layer.evict("*")
            assert stack.layer.get("counter") is None


def test_an_expired_base_is_read_as_it_was_written(tmp_path: Path) -> None:
    expired_base_is_read_as_it_was_written(tmp_path)


def test_the_worker_purges_and_trims_what_has_expired(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        cache, database = stack.layer, stack._state.database
        cache.write_many([("set", f"order:{number}", "x", 0.2) for number in range(450)])
        cache.set("order:stays", "x", ttl=HOUR)
        until(lambda: database.count()[0] == 1)
        until(lambda: stack.snapshot().worker.purged == 450)
        assert [key for key, _ in database.expiring(10)] == [b"order:stays"]
        assert dict(cache.items()) == {b"order:stays": b"x"}
        assert stack.snapshot().books.balanced


def test_a_row_that_a_trigger_protects_is_not_purged_and_stops_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data", PATIENT) as stack:
        cache = stack.layer
        cache.write_many([("set", "order:1", "x", HOUR), ("set", "order:2", "x", HOUR)])
        poison.forbid(tmp_path / "data", b"order:1")
        stack.worker.controls.pause()
        with later(2 * HOUR):
            assert purge(stack) == 1
            assert purge(stack) == 0
            stack.worker.controls.resume()
            told = [it.text for it in stack.snapshot().events if "purged" in it.text]
            assert len(told) == 1
            cache.incr("views:1")
            cache.drain(60)
            cache.evict("*")
            assert cache.get_many(["order:1", "order:2"]) == [None, None]


def test_rows_that_cannot_be_purged_do_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purger_module, "_KEYS_PER_PURGE", 2)
    with running(tmp_path / "data", PATIENT) as stack:
        keys = [b"order:%d" % number for number in range(5)]
        for number, key in enumerate(keys):
            stack.layer.set(key, "x", ttl=HOUR + number)
        frozen = "SELECT RAISE(ABORT, 'this key is frozen')"
        poison.trigger(tmp_path / "data", f"NEW.key < x'{keys[3].hex()}'", frozen)
        with later(2 * HOUR):
            until(lambda: purge(stack) == 0 and stack._state.database.count()[0] == 3)
        assert [key for key, _ in stack._state.database.expiring(9)] == keys[:3]


def test_what_expires_is_purged_while_the_worker_is_never_idle(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        cache = stack.layer
        stack.worker.controls.set_batch(1, 0.0)
        cache.set("order:1", "x", ttl="1ms")
        cache.set("session:1", "x", ttl="1ms")
        until(lambda: cache.incr("views:1") and not stack._state.database.expiring(9))


def test_a_dead_letter_keeps_its_deadline(tmp_path: Path) -> None:
    with running(tmp_path / "data") as stack:
        cache = stack.layer
        poison.forbid(tmp_path / "data", b"session:1")
        cache.set("session:1", "v", ttl=HOUR)
        until(cache.dead_letters)
        (letter,) = cache.dead_letters()
        assert letter.expires_at is not None
        assert abs(letter.expires_at - wall_seconds() - HOUR) < 600
        poison.allow(tmp_path / "data")
        assert cache.replay_dead(letter.seq).value == b"v"
        assert 0 < (cache.ttl("session:1") or 0) <= HOUR
        with later(2 * HOUR):
            cache.evict("*")
            assert cache.get("session:1") is None


def snapshot_gets_the_deadlines_of_the_truth(tmp_path: Path) -> None:
    warm = Settings(redis=RedisSettings(restart="warm"))
    with running(tmp_path / "data", warm) as stack:
        wait_until_trusted(stack)
        stack.layer.write_many([("set", key, "v") for key in ("order:1", "order:2")])
        stack.cache.cache.save()
        (tmp_path / "data" / "redis" / "snapshot.rdb").rename(tmp_path / "old.rdb")
        stack.layer.expire("order:1", HOUR)
    (tmp_path / "old.rdb").replace(tmp_path / "data" / "redis" / "snapshot.rdb")
    with running(tmp_path / "data", warm) as stack:
        wait_until_trusted(stack)
        assert 0 < (stack.cache.expires_in(b"order:1") or 0) <= HOUR
        assert stack.cache.get(b"order:2") == b"v"
        assert stack.cache.expires_in(b"order:2") is None


def test_a_snapshot_of_redis_gets_the_deadlines_of_the_truth(tmp_path: Path) -> None:
    snapshot_gets_the_deadlines_of_the_truth(tmp_path)


def told_of_the_clock(stack: Stack) -> bool:
    return any("clock was set back" in it.text for it in stack.snapshot().events)


def clock_set_back_while_redis_holds_copies(directory: Path) -> None:
    with running(directory) as stack:
        wait_until_trusted(stack)
        stack.layer.write_many([("set", "order:1", "v", HOUR), ("set", "order:2", "v")])
        assert stack.layer.read("order:1").source == "redis"
        supervisor = stack.cache.supervisor
        with later(2 * HOUR):
            # It looks ten times a second; here at once, so that no test waits for that.
            supervisor._follow_clock()
            until(lambda: stack.cache.get(b"order:1") is None or not told_of_the_clock(stack))
            assert stack.layer.get_many(["order:1", "order:2"]) == [None, b"v"]


def test_a_clock_that_is_set_back_drops_the_copies(tmp_path: Path) -> None:
    clock_set_back_while_redis_holds_copies(tmp_path)


def clock_set_back_between_two_opens(directory: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_BEGAN", clock._BEGAN)
        with later(3 * HOUR), running(directory, PATIENT) as stack:
            stack.layer.set("order:1", "v", ttl=HOUR)
            stack.layer.set("session:1", "v", ttl=HOUR)
            with later(2 * HOUR):
                stack.layer.set("session:2", "v")
                stack.layer.evict("*")
                assert stack.layer.get_many(["order:1", "session:1"]) == [None, None]
        with running(directory, PATIENT) as stack:
            told = [it for it in stack.snapshot().events if it.code == "clock.behind"]
            assert [it.text[:29] for it in told] == ["the machine's clock is 18,000"]
            assert stack.layer.get_many(["order:1", "session:1", "session:2"]) == [None, None, b"v"]
            stack.layer.set("order:2", "v", ttl=60)
            assert 0 < (stack.layer.ttl("order:2") or 0) <= 60
            assert 0 < (stack.cache.expires_in(b"order:2") or 60) <= 60


def test_a_clock_that_is_set_back_between_two_opens_brings_nothing_back(tmp_path: Path) -> None:
    clock_set_back_between_two_opens(tmp_path)


# -- planted bugs ----------------------------------------------------------------------------------

Plant = Callable[[pytest.MonkeyPatch], None]


def base_read_as_of_now(patch: pytest.MonkeyPatch) -> None:
    raw = property(lambda self: fold(self.row or Entry(None), self.events).as_of(self.now))
    patch.setattr(Overlaid, "stored", raw)


def purge_without_the_locks(patch: pytest.MonkeyPatch) -> None:
    def bad(self: Purger, keys: list[bytes], now: float) -> int:
        keys = [key for key in keys if not self._is_pending(key)]
        return len(self._make_tombstones(keys, now))

    patch.setattr(Purger, "_purge", bad)


def snapshot_without_deadlines(patch: pytest.MonkeyPatch) -> None:
    compare = verification._move_and_compare

    def bad(connection, namespace, earlier, truths):  # type: ignore[no-untyped-def]
        def lasting(keys: Sequence[bytes]) -> dict[bytes, Entry]:
            return {key: entry._replace(expires_at=None) for key, entry in truths(keys).items()}

        return compare(connection, namespace, earlier, lasting)

    patch.setattr(verification, "_move_and_compare", bad)


def purge_takes_the_base_of_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Purger, "_is_pending", lambda self, key: False)


def purge_forgets_the_seq(patch: pytest.MonkeyPatch) -> None:
    written = Purger._written

    def bad(self: Purger, transaction: object, rows: Mapping[bytes, Entry]) -> list[bytes]:
        return written(self, transaction, dict.fromkeys(rows, Entry(None, 0)))  # type: ignore[arg-type]

    patch.setattr(Purger, "_written", bad)


def clock_not_followed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RedisSupervisor, "_follow_clock", lambda self: None)


def clock_not_remembered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clock, "not_before", lambda seconds: 0.0)


PLANTED: tuple[tuple[Plant, Callable[[Path], None]], ...] = (
    (expired_row_is_read, expiries.expired_is_absent_everywhere),
    (deadline_not_logged, expiries.a_restart_keeps_the_deadline),
    (deadline_lost_in_a_flush, expiries.a_restart_keeps_the_deadline),
    (purge_takes_the_base_of_what_is_pending, expiries.a_purge_leaves_what_is_pending_its_base),
    (purge_forgets_the_seq, expiries.a_purged_row_holds_what_is_delivered_again),
    (base_read_as_of_now, expired_base_is_read_as_it_was_written),
    (purge_without_the_locks, expiries.a_purge_waits_for_a_write_that_was_accepted_before),
    (snapshot_without_deadlines, snapshot_gets_the_deadlines_of_the_truth),
    (clock_not_followed, clock_set_back_while_redis_holds_copies),
    (clock_not_remembered, clock_set_back_between_two_opens),
)


@pytest.mark.parametrize(("plant", "scenario"), PLANTED)
def test_a_planted_bug_is_caught(
    plant: Plant,
    scenario: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        scenario(tmp_path)
