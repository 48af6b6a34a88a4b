"""A wall of poison: however many refused events of however many keys come first, healthy events
reach their rows, and no promise is broken on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.chaos.ablations.apply_twice import coalesce_again
from cachedesk.core.commands import PauseWorker, ResumeWorker, StepWorker
from cachedesk.core.events import WriteEvent
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.core.snapshot import Books
from cachedesk.engine import local_engine
from cachedesk.engine.local_flusher import LocalFlusher
from cachedesk.engine.poison.blocked_keys import BlockedKeys
from cachedesk.engine.poison.isolation import Isolation
from cachedesk.stack.stack import Stack

from . import poison, scenarios
from .scenarios import BEHIND, THROUGH, copy_as_after_a_kill, held_at, running
from .until import until

OpenStack = Callable[..., Stack]
Plant = Callable[[pytest.MonkeyPatch], None]

LIKES = "CAST(NEW.key AS TEXT) LIKE 'likes:%'"
SUM = (
    "(SELECT coalesce(sum(CAST(CAST(value AS TEXT) AS INTEGER)), 0) FROM rows WHERE key != NEW.key)"
    " + CAST(CAST(NEW.value AS TEXT) AS INTEGER) > 100"
)


def trying(attempts: int, batch_events: int, retry_seconds: float = 0.01) -> Settings:
    """Flush at once, in batches of this size, and bury after so many attempts."""
    flush_worker = WorkerSettings(
        batch_events=batch_events,
        batch_age_seconds=0.0,
        retry_seconds=retry_seconds,
        retry_max_seconds=max(2.0, retry_seconds),
        max_attempts=attempts,
    )
    return Settings(worker=flush_worker)


def undecided(batch_events: int) -> Settings:
    """Nothing that is refused is tried again by itself."""
    return trying(3, batch_events, retry_seconds=3600)


def refuse(data: Path, when: str = LIKES, how: str = "ABORT") -> None:
    """Let the database refuse what ``when`` says."""
    poison.trigger(data, when, f"SELECT RAISE({how}, 'no')")


def build(stack: Stack, events: int, keys: int, healthy_every: int = 0, steps: int = 0) -> int:
    """Put ``events`` refused increments of so many keys into the log, with healthy ones among
    them, and one behind, and have the worker flush them, or so many batches; return how many
    healthy ones there are."""
    stack.perform(PauseWorker())
    healthy = 0
    for number in range(events):
        stack.layer.incr(f"likes:{number % keys}", policy=BEHIND)
        if healthy_every and number % healthy_every == 0:
            stack.layer.incr(f"views:{number % 7}", policy=BEHIND)
            healthy += 1
    stack.layer.set("views:last", b"here", policy=BEHIND)
    for _ in range(steps):
        stack.perform(StepWorker())
    if not steps:
        stack.perform(ResumeWorker())
    return healthy + 1


def rows(data: Path) -> dict[object, object]:
    return dict(poison.execute(data, "SELECT key, value FROM rows WHERE value IS NOT NULL"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "batch_events", "how"),
    [
        (1, 5, "ABORT"),
        (7, 3, "FAIL"),
        (300, 10, "ABORT"),
        (300, 10, "ROLLBACK"),
        (300, 100, "IGNORE"),
    ],
)
def test_healthy_events_among_and_behind_a_wall_reach_their_rows(
    open_stack: OpenStack, tmp_path: Path, keys: int, batch_events: int, how: str
) -> None:
    stack = open_stack(undecided(batch_events))
    data = tmp_path / "data"
    said = "SELECT RAISE(IGNORE)" if how == "IGNORE" else f"SELECT RAISE({how}, 'no')"
    poison.trigger(data, LIKES, said)
    healthy = build(stack, 300, keys, healthy_every=10)
    until(lambda: rows(data).get(b"views:last") == b"here")
    until(lambda: stack.snapshot().books == Books(300 + healthy, healthy, 300, 0))
    assert not [key for key in rows(data) if bytes(key).startswith(b"likes:")]  # type: ignore[call-overload]
    poison.allow(data)
    stack.perform(StepWorker())
    stack.layer.drain(60)
    assert stack.snapshot().books == Books(300 + healthy, 300 + healthy, 0, 0)
    assert sum(int(stack.layer.get(f"likes:{n}") or 0) for n in range(keys)) == 300
    assert stack.backlog.waiting == 0


def test_many_keys_are_decided_in_few_commits(open_stack: OpenStack, tmp_path: Path) -> None:
    stack = open_stack(trying(3, 1_000))
    refuse(tmp_path / "data")
    build(stack, 400, 200)
    stack.layer.drain(60)
    state = stack.snapshot()
    assert state.books == Books(401, 1, 0, 400)
    assert {letter.attempts for letter in stack.layer.dead_letters()} == {3}
    assert len({letter.seq for letter in stack.layer.dead_letters()}) == 400
    assert state.worker.batches < 10
    assert poison.attempts(tmp_path / "data") == {}


def test_what_is_taken_key_by_key_and_not_together_stops_nobody(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    """The database takes either of two rows, and not both."""
    data = tmp_path / "data"
    stack = open_stack(undecided(10))
    refuse(data)
    stack.perform(PauseWorker())
    stack.layer.write_many([("set", "likes:1", b"60"), ("set", "likes:2", b"60")], policy=BEHIND)
    stack.perform(ResumeWorker())
    until(lambda: len(poison.attempts(data)) == 2)
    refuse(data, SUM)
    stack.perform(StepWorker())
    until(lambda: stack.snapshot().books == Books(2, 1, 1, 0))
    stack.layer.incr("views:1", policy=BEHIND)
    until(lambda: rows(data).get(b"views:1") == b"1")


def test_a_write_that_hangs_on_a_blocked_key_stops_nobody(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    stack = open_stack(trying(1_000, 10))
    cache = stack.layer
    refuse(data)
    cache.incr("likes:1", policy=BEHIND)
    until(lambda: poison.attempts(data))
    with held_at(
        stack.failpoints, "through.begin.before", cache.set, "likes:1", b"5", policy=THROUGH
    ) as hung:
        for number in range(5):
            cache.incr(f"views:{number}", policy=BEHIND)
            until(lambda number=number: rows(data).get(b"views:%d" % number) == b"1")
        poison.allow(data)
    hung.result()
    cache.drain(60)
    assert cache.get("likes:1") == b"5"


# -- scenarios with planted bugs ------------------------------------------------------------------


def a_wall_stops_nobody(directory: Path) -> None:
    """The healthy event is forty batches behind, and the worker flushes fifty."""
    with running(directory, trying(1_000, 5, retry_seconds=3600)) as stack:
        refuse(directory)
        build(stack, 200, 4, steps=50)
        until(lambda: not stack.worker.controls.steps)
        stack.close()
        assert rows(directory).get(b"views:last") == b"here"


def what_is_ahead_is_applied_once_after_a_kill(directory: Path) -> None:
    """Healthy increments were applied ahead of what is undecided, and the process dies."""
    with running(directory, undecided(5)) as stack:
        refuse(directory)
        healthy = build(stack, 40, 4, healthy_every=1)
        until(lambda: stack.snapshot().books.applied == healthy)
        truth = dict(stack.layer.items())
        copy_as_after_a_kill(directory, directory / "copy")
    with running(directory / "copy", undecided(5)) as stack:
        assert stack.snapshot().books == Books(40, 0, 40, 0)
        until(lambda: stack.worker.flusher.unread == 0)
        stack.worker.controls.pause()
        assert dict(stack.layer.items()) == truth
        assert stack.snapshot().books == Books(40, 0, 40, 0)


def what_follows_a_refused_event_waits_for_it(directory: Path) -> None:
    """The later event would be taken by itself."""
    with running(directory, undecided(5)) as stack:
        poison.limit(directory)
        seq = stack.layer.write(("incr", "likes:1", 500), policy=BEHIND).seq
        until(lambda: poison.attempts(directory) == {seq: 1})
        stack.layer.incr("likes:1", 1, policy=BEHIND)
        stack.layer.incr("views:1", policy=BEHIND)
        until(lambda: rows(directory).get(b"views:1") == b"1")
        for count in (2, None):
            stack.perform(StepWorker())
            until(lambda count=count: poison.attempts(directory).get(seq) in (count, None))
        stack.layer.drain(60)
        assert [letter.seq for letter in stack.layer.dead_letters()] == [seq]
        assert stack.layer.get("likes:1") == b"1"


def no_further_than_sixteen_batches(patch: pytest.MonkeyPatch) -> None:
    """While something is undecided, the worker looks no further ahead than this."""
    read = LocalFlusher.read

    def read_near(self: LocalFlusher, most: int) -> tuple[WriteEvent, ...]:
        ahead = self._backlog.waiting - self._backlog.unread(self._delivered_seq)
        return () if ahead >= 16 * 5 else read(self, most)

    patch.setattr(LocalFlusher, "read", read_near)


def acked_past_what_is_undecided(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Isolation, "trouble", lambda self: None)


def applied_again_when_delivered_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(local_engine, "coalesce", coalesce_again)


def later_events_pass_the_refused_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BlockedKeys, "__contains__", lambda self, key: False)


BUGS: list[tuple[Plant, Callable[[Path], None]]] = [
    (no_further_than_sixteen_batches, a_wall_stops_nobody),
    (acked_past_what_is_undecided, what_is_ahead_is_applied_once_after_a_kill),
    (applied_again_when_delivered_again, what_is_ahead_is_applied_once_after_a_kill),
    (later_events_pass_the_refused_one, what_follows_a_refused_event_waits_for_it),
]


@pytest.mark.parametrize(("plant", "scenario"), BUGS, ids=[plant.__name__ for plant, _ in BUGS])
def test_a_planted_bug_is_caught(
    plant: Plant,
    scenario: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(scenarios.FAILURES):
        scenario(tmp_path)


@pytest.mark.parametrize("scenario", list(dict.fromkeys(scenario for _, scenario in BUGS)))
def test_without_the_bug_the_scenario_passes(
    scenario: Callable[[Path], None], tmp_path: Path
) -> None:
    scenario(tmp_path)
