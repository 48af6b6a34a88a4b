"""The expiry that a policy gives: to values that are set, to counters that are begun, and again to
what is read, if it slides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from cachedesk.core.errors import ConfigError, InvalidValue, Unavailable
from cachedesk.core.events import Entry, ExpireOnly, Op, change, has_effect
from cachedesk.core.policy import Policy, as_policy
from cachedesk.core.settings import Settings
from cachedesk.core.writes import Change
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.engine.sliding_expiry import SlidingExpiry
from cachedesk.engine.writer import Writer
from cachedesk.stack.stack import Stack

from .expiries import HOUR, later
from .scenarios import BEHIND, PATIENT, THROUGH, running
from .until import Task

MINUTE = 60.0


def settings(*policies: Policy) -> Settings:
    """Return patient settings in which the keys ``0:*``, ``1:*`` … have these policies."""
    table = {f"{number}:*": policy for number, policy in enumerate(policies)}
    return msgspec.structs.replace(PATIENT, policies=table)


def near(seconds: float | None, expected: float) -> bool:
    """Return whether a ttl read just now was ``expected`` less than a minute ago."""
    return seconds is not None and expected - MINUTE < seconds <= expected


@contextmanager
def caching(directory: Path, *policies: Policy) -> Iterator[CacheLayer]:
    with running(directory, settings(*policies)) as stack:
        yield stack.layer


@pytest.mark.parametrize("path", [THROUGH, BEHIND])
def test_a_value_without_a_ttl_of_its_own_gets_that_of_its_policy(
    path: str, tmp_path: Path
) -> None:
    with caching(tmp_path, Policy(path, ttl="2h")) as cache:
        cache.set("0:set", "x")
        cache.write_many([("set", "0:many", "x"), ("incr", "0:begun", 2)])
        cache.set("0:own", "x", ttl=600)
        cache.set("0:never", "x", ttl=None)
        cache.set("other", "x")
        for key in ("0:set", "0:many", "0:begun"):
            assert near(cache.ttl(key), 2 * HOUR), key
        assert near(cache.ttl("0:own"), 600)
        assert cache.ttl("0:never") is None
        assert cache.ttl("other") is None


@pytest.mark.parametrize("path", [THROUGH, BEHIND])
def test_an_increment_keeps_the_expiry_of_a_counter(path: str, tmp_path: Path) -> None:
    with caching(tmp_path, Policy(path, ttl="2h")) as cache:
        cache.set("0:long", 1, ttl=10 * HOUR)
        cache.set("0:never", 1, ttl=None)
        cache.incr("0:begun")
        with later(HOUR):
            for key in ("0:long", "0:never", "0:begun"):
                cache.incr(key)
            assert near(cache.ttl("0:long"), 9 * HOUR)
            assert cache.ttl("0:never") is None
            assert near(cache.ttl("0:begun"), HOUR)
        with later(3 * HOUR):
            cache.evict("*")  # Redis has another clock
            assert cache.get("0:begun") is None
            assert cache.incr("0:begun", 5) == 5
            assert near(cache.ttl("0:begun"), 2 * HOUR)


def test_a_policy_of_one_write_counts_instead(tmp_path: Path) -> None:
    with caching(tmp_path, Policy("write-behind", ttl="2h")) as cache:
        once = Policy("write-through", ttl=600)
        assert cache.set("0:a", "x", policy=once).level == "applied"
        assert near(cache.ttl("0:a"), 600)
        cache.set("0:b", "x", policy="write-behind")
        assert cache.ttl("0:b") is None


def test_the_expiry_of_a_begun_counter_survives_a_restart(tmp_path: Path) -> None:
    policy = Policy("write-behind", ttl="2h")
    with caching(tmp_path, policy) as cache:
        cache.incr("0:pending")
        cache.set("0:row", 1)
        cache.drain(60)
        cache.incr("0:pending2", 7)
    with caching(tmp_path, policy) as cache:
        for key in ("0:pending", "0:pending2", "0:row"):
            assert near(cache.ttl(key), 2 * HOUR)
        cache.drain(60)
        assert near(cache.ttl("0:pending2"), 2 * HOUR)


def test_jitter_spreads_the_expiries_below_the_ttl() -> None:
    policy = Policy("write-behind", ttl=1000, jitter=0.25)
    ends = [policy.deadline(lambda draw=draw: draw) or 0.0 for draw in (0.0, 0.5, 0.999)]
    assert ends[0] - ends[1] == pytest.approx(125, abs=5)
    assert ends[0] - ends[2] == pytest.approx(250, abs=5)


def test_jitter_spreads_what_is_written_together(tmp_path: Path) -> None:
    with caching(tmp_path, Policy("write-behind", ttl=10 * HOUR, jitter=0.5)) as cache:
        cache.write_many([("set", f"0:{number}", "x") for number in range(50)])
        ttls = [cache.ttl(f"0:{number}") or 0.0 for number in range(50)]
        assert 5 * HOUR - MINUTE < min(ttls) < 7 * HOUR
        assert 8 * HOUR < max(ttls) <= 10 * HOUR


@pytest.mark.parametrize("read", ["get", "get_many"])
@pytest.mark.parametrize("path", [THROUGH, BEHIND])
def test_a_read_renews_what_slides(path: str, read: str, tmp_path: Path) -> None:
    sliding, fixed = Policy(path, ttl="2h", sliding=True), Policy(path, ttl="2h")
    with running(tmp_path, settings(sliding, fixed)) as stack:
        cache = stack.layer
        look: Callable[[str], object] = {
            "get": cache.get,
            "get_many": lambda key: cache.get_many([key]),
        }[read]
        cache.write_many([("set", "0:a", "x"), ("set", "1:a", "x")])
        with later(HOUR):
            look("0:a")
            look("1:a")
            assert near(cache.ttl("0:a"), 2 * HOUR)
            assert near(cache.ttl("1:a"), HOUR)
        with later(2.5 * HOUR):
            cache.evict("*")  # Redis has another clock
            assert cache.get("1:a") is None
            assert cache.get("0:a") == b"x"
        with later(5 * HOUR):
            cache.evict("*")
            assert cache.get("0:a") is None


def renewals_are_seldom(directory: Path) -> None:
    """A read is a write as well only once in a tenth of the ttl."""
    with caching(directory, Policy("write-behind", ttl="10h", sliding=True)) as cache:
        begin = cache.set("0:a", "x").seq
        for minutes in range(0, 600, 5):
            with later(minutes * MINUTE):
                assert cache.get("0:a") == b"x"
        assert 9 <= cache.set("0:a", "x").seq - begin - 1 <= 10


def test_renewals_are_seldom(tmp_path: Path) -> None:
    renewals_are_seldom(tmp_path)


def renewal_takes_nothing_back(directory: Path) -> None:
    """A key that is persisted, given a longer life or deleted while a read renews it stays so."""
    with running(directory, settings(Policy("write-behind", ttl="2h", sliding=True))) as stack:
        cache, sliding = stack.layer, stack.layer._sliding
        assert sliding is not None
        cache.write_many([("set", f"0:{name}", "x") for name in ("persist", "long", "gone")])
        with later(HOUR):
            original = sliding._writer

            class Racing:
                """Writes only after the keys have been changed by another caller."""

                def write(self, *arguments: object) -> object:
                    for call, key, *rest in (
                        (cache.persist, "0:persist"),
                        (cache.expire, "0:long", 9 * HOUR),
                        (cache.delete, "0:gone"),
                    ):
                        Task(call, key, *rest).result()  # type: ignore[operator]
                    return original.write(*arguments)  # type: ignore[arg-type]

            sliding._writer = Racing()  # type: ignore[assignment]
            cache.get_many(["0:persist", "0:long", "0:gone"])
            sliding._writer = original
            assert cache.ttl("0:persist") is None
            assert cache.get("0:persist") == b"x"
            assert near(cache.ttl("0:long"), 9 * HOUR)
            assert cache.get("0:gone") is None


def test_a_renewal_takes_nothing_back(tmp_path: Path) -> None:
    renewal_takes_nothing_back(tmp_path)


def test_a_renewal_without_its_condition_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cachedesk.engine.sliding_expiry.Change",
        lambda op, key, _, until: Change(op, key, None, until),
    )
    with pytest.raises(AssertionError):
        renewal_takes_nothing_back(tmp_path)


def test_a_renewal_at_every_read_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cachedesk.engine.sliding_expiry.RENEWED_AFTER", 0.0)
    with pytest.raises(AssertionError):
        renewals_are_seldom(tmp_path)


def test_a_read_does_not_fail_because_its_renewal_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caching(tmp_path, Policy("write-behind", ttl="2h", sliding=True)) as cache:
        cache.set("0:a", "x")

        def refuse(*_: object) -> None:
            raise Unavailable("no")

        with later(HOUR):
            with monkeypatch.context() as patch:
                patch.setattr(Writer, "write", refuse)
                assert cache.get("0:a") == b"x"
            assert near(cache.ttl("0:a"), HOUR)
        with later(HOUR + 2):
            cache.get("0:a")
            assert near(cache.ttl("0:a"), HOUR)  # not tried again yet
        with later(HOUR + 30):
            assert cache.get("0:a") == b"x"
            assert near(cache.ttl("0:a"), 2 * HOUR)


def test_what_is_known_of_keys_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cachedesk.engine.sliding_expiry._MOST_KEYS", 10)
    with running(tmp_path, settings(Policy("write-behind", ttl="2h", sliding=True))) as stack:
        sliding = stack.layer._sliding
        assert isinstance(sliding, SlidingExpiry)
        for number in range(35):
            stack.layer.set(f"0:{number}", "x")
            stack.layer.get(f"0:{number}")
            assert len(sliding._due) <= 10


def test_without_a_sliding_policy_reads_do_nothing_more(tmp_path: Path) -> None:
    with running(tmp_path, settings(Policy("write-behind", ttl="2h"))) as stack:
        assert stack.layer._sliding is None


CONDITIONS = [
    # the condition, the expiry before, the new one, whether it is replaced
    ("nx", None, 9.0, True),
    ("nx", 5.0, 9.0, False),
    ("xx", None, 9.0, False),
    ("xx", 5.0, 9.0, True),
    ("gt", 5.0, 9.0, True),
    ("gt", 9.0, 9.0, False),
    ("gt", None, 9.0, False),
    ("lt", 9.0, 5.0, True),
    ("lt", 5.0, 9.0, False),
    ("lt", None, 9.0, True),
]


@pytest.mark.parametrize(("only", "before", "after", "replaced"), CONDITIONS)
def test_an_expire_on_a_condition(
    only: str, before: float | None, after: float, replaced: bool
) -> None:
    entry, condition = Entry(b"x", 1, before), int(ExpireOnly[only.upper()])
    assert change(entry, Op.EXPIRE, condition, 1.0, after) == (
        b"x",
        after if replaced else before,
    )
    assert has_effect(entry, Op.EXPIRE, condition, 1.0, after) is replaced


@pytest.mark.parametrize("path", [THROUGH, BEHIND])
def test_the_conditions_of_an_expire_hold_in_the_whole_stack(path: str, tmp_path: Path) -> None:
    with caching(tmp_path) as cache:
        cache.set("a", "x", policy=path)
        assert not cache.expire("a", HOUR, only="xx", policy=path)
        assert cache.expire("a", HOUR, only="nx", policy=path)
        assert not cache.expire("a", MINUTE, only="gt", policy=path)
        assert cache.expire("a", 2 * HOUR, only="gt", policy=path)
        assert cache.expire("a", 1.5 * HOUR, only="lt", policy=path)
        assert not cache.expire("absent", HOUR, only="nx", policy=path)
        cache.drain(60)
        assert near(cache.ttl("a"), 1.5 * HOUR)
        with pytest.raises(InvalidValue, match="only 'nx', 'xx', 'gt' or 'lt', not 'later'"):
            cache.expire("a", 5, only="later")  # type: ignore[arg-type]


def test_a_policy_as_text_and_back() -> None:
    for text in ("write-behind", "write-through,ttl=30m", "write-behind,ttl=2h,sliding,jitter=0.1"):
        assert str(as_policy(text)) == text
    assert as_policy("write-behind,ttl=2h") == Policy("write-behind", ttl="2h")
    assert as_policy("write-behind") == "write-behind"
    assert Policy("write-behind", ttl=1) != Policy("write-behind")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Policy("write-back"), "unknown policy 'write-back'"),
        (lambda: Policy("write-behind", ttl=0), "a ttl is seconds above 0"),
        (lambda: Policy("write-behind", ttl="soon"), "a ttl is seconds above 0"),
        (lambda: Policy("write-behind", sliding=True), "need a ttl"),
        (lambda: Policy("write-behind", jitter=0.1), "need a ttl"),
        (lambda: Policy("write-behind", ttl=1, jitter=1), "jitter: expected at least 0"),
        (lambda: Policy("write-behind", ttl=1, jitter="x"), "jitter: expected a number"),
        (lambda: Policy("write-behind", ttl=1, sliding="yes"), "sliding: expected true or false"),
        (lambda: as_policy("write-behind,ttl"), "cannot read 'ttl' in a policy"),
        (lambda: as_policy("write-behind,jitter=x,ttl=3"), "cannot read 'jitter=x'"),
        (lambda: as_policy("write-behind,ttl=x"), "a ttl is seconds above 0"),
    ],
)
def test_an_invalid_policy_is_named(make: Callable[[], Policy], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_stack_needs_no_policy_with_an_expiry(tmp_path: Path) -> None:
    with Stack(tmp_path).layer as cache:
        cache.set("session:1", "x")
        assert cache.ttl("session:1") is None
