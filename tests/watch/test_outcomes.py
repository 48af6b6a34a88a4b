"""What is told of reads in a window, against applications whose hits and misses are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.watch import outcomes
from cachedesk.watch.command_effects import Effect
from cachedesk.watch.hit_rates import hit_rates
from cachedesk.watch.outcomes import Tally, WindowTally, tallied
from cachedesk.watch.patterns import Patterns

from .windows import Application, window

THERE = [*(b"session:%d" % it for it in range(40)), *(b"flag:%d" % it for it in range(20))]


def told(application: Application) -> WindowTally:
    hits = sum(each["hit"] for each in application.truth.values())
    misses = sum(each["miss"] for each in application.truth.values())
    seconds = (len(application.commands) + 1) / 1000
    made = window(application.commands, hits=hits, misses=misses, seconds=seconds)
    return tallied(made, 0, Patterns().of)


def one(*commands: tuple[bytes, ...]) -> Tally:
    return tallied(window(commands), 0, Patterns().of).patterns[b"a:*"]


def test_a_read_after_a_write_is_a_hit_and_after_a_delete_a_miss() -> None:
    tally = one((b"SET", b"a:1", b"x"), (b"GET", b"a:1"), (b"DEL", b"a:1"), (b"GET", b"a:1"))
    assert (tally.known_hits, tally.known_misses, tally.writes) == (1, 1, 2)


def test_a_probe_tells_of_the_reads_before_it_and_after_it() -> None:
    tally = one((b"GET", b"a:1"), (b"GET", b"a:1"), (b"?", b"a:1", b"0"), (b"GET", b"a:1"))
    assert (tally.alone_absent, tally.known_misses) == (2, 1)


def test_a_fill_after_a_read_is_its_consequence_and_a_later_probe_says_nothing_of_it() -> None:
    tally = one((b"GET", b"a:1"), (b"SET", b"a:1", b"x"), (b"?", b"a:1", b"1"))
    assert (tally.filled_unknown, tally.alone_present) == (1, 0)


def test_a_fill_long_after_a_read_is_not() -> None:
    quiet = [(b"PING",)] * 400
    tally = one((b"GET", b"a:1"), *quiet, (b"SET", b"a:1", b"x"))
    assert (tally.filled_unknown, tally.alone_unknown) == (0, 1)


def test_a_probe_before_the_fill_tells_a_miss_from_a_hit_that_is_written_back() -> None:
    missed = one((b"GET", b"a:1"), (b"?", b"a:1", b"0"), (b"SET", b"a:1", b"x"))
    updated = one((b"GET", b"a:1"), (b"?", b"a:1", b"1"), (b"SET", b"a:1", b"x"))
    assert (missed.filled_absent, updated.filled_present) == (1, 1)


def test_nothing_is_there_after_a_flush() -> None:
    tally = one((b"GET", b"a:1"), (b"FLUSHALL",), (b"GET", b"a:1"), (b"GET", b"a:2"))
    assert (tally.alone_unknown, tally.known_misses) == (1, 2)


def test_reads_of_another_database_are_apart_and_no_probe_is_theirs() -> None:
    made = window([(b"GET", b"a:1"), (b"?", b"a:1", b"1")])
    lines = tuple(
        line.replace(b"[0 127", b"[3 127") if b"GET" in line else line for line in made.lines
    )
    found = tallied(outcomes.MonitorWindow(lines, *_rest(made)), 0, Patterns().of).patterns
    assert found == {b"db3:a:*": Tally(alone_unknown=1)}


def _rest(made: outcomes.MonitorWindow) -> tuple[object, ...]:
    return (
        made.marker, made.asking, made.probing, made.probes, made.before, made.after, made.seconds,
    )  # fmt: skip


def test_what_is_no_line_of_monitor_is_passed_over() -> None:
    made = window([(b"GET", b"a:1")])
    lines = (made.lines[0], b"", b"OK", b"1.5 [0 x", b"\xff" * 50, *made.lines[1:])
    assert (
        tallied(outcomes.MonitorWindow(lines, *_rest(made)), 0, Patterns().of)
        .patterns[b"a:*"]
        .reads
        == 1
    )


@given(seed=st.integers(0, 10**6), probes=st.sampled_from([0.0, 0.2, 0.7]))
def test_what_is_certain_is_true_and_every_read_is_counted(seed: int, probes: float) -> None:
    application = Application(seed, THERE)
    application.play(300, probes)
    _check(told(application), application)


def _check(found: WindowTally, application: Application) -> None:
    for pattern, truth in application.truth.items():
        tally = found.patterns[pattern.encode()]
        assert tally.reads == truth.total()
        assert tally.hits <= truth["hit"]
        assert tally.misses <= truth["miss"]


def _play_and_check() -> None:
    for seed in range(50):
        application = Application(seed, THERE)
        application.play(300, 0.5)
        _check(told(application), application)


def _fill_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later probe is believed of reads before a fill."""
    before = outcomes._Reading._close
    monkeypatch.setitem(outcomes._AFTER, Effect.FILL, None)
    monkeypatch.setattr(
        outcomes._Reading,
        "_close",
        lambda self, key, name, *, filled: (
            None if filled else before(self, key, name, filled=filled)
        ),
    )


def _delete_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is there after a delete."""
    monkeypatch.setitem(outcomes._AFTER, Effect.REMOVE, True)


@pytest.mark.parametrize("plant", [_fill_forgotten, _delete_overlooked])
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _play_and_check()


def test_the_hit_rates_are_those_of_the_application() -> None:
    application = Application(7, THERE)
    application.play(6000, 0.1)
    found = told(application)
    estimated = {it.pattern: it for it in hit_rates(found.patterns, found.hits, found.misses)}
    for pattern, truth in application.truth.items():
        rate = estimated[pattern.encode()]
        true = truth["hit"] / truth.total()
        assert rate.low - 0.02 <= true <= rate.high + 0.02, (pattern, true, rate)
    reads = sum(it.reads for it in estimated.values())
    hits = sum(it.reads * it.hit_rate for it in estimated.values())
    assert hits / reads == pytest.approx(found.hits / (found.hits + found.misses), abs=0.003)


def test_without_probes_a_read_that_is_filled_is_a_miss_and_any_other_a_hit() -> None:
    patterns = {b"a:*": Tally(filled_unknown=30, alone_unknown=70)}
    (rate,) = hit_rates(patterns, 0, 0)
    assert rate.hit_rate == pytest.approx(0.69, abs=0.02)
    assert rate.certain == 0
    (rate,) = hit_rates(patterns, 60, 40)
    assert rate.hit_rate == pytest.approx(0.6, abs=0.001), "the server knows better"


def test_the_interval_narrows_with_what_was_seen() -> None:
    few, many = (
        hit_rates({b"a": Tally(known_hits=9 * times, known_misses=times)}, 0, 0)[0]
        for times in (1, 100)
    )
    assert few.hit_rate == many.hit_rate == 0.9
    assert few.high - few.low > 3 * (many.high - many.low)
