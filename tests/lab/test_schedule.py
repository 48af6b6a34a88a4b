"""The schedule: what can be written, and that faults come when they should."""

from __future__ import annotations

import threading

import pytest

from cachedesk.core.errors import ConfigError, Unavailable
from cachedesk.lab.run.schedule import PlannedFault, Schedule, planned


@pytest.mark.parametrize(
    ("text", "seconds", "ops"),
    [
        ("redis.kill@5s", 5.0, None),
        ("redis.kill@1.5s", 1.5, None),
        ("redis.hang@250ms", 0.25, None),
        ("database.lock@2m", 120.0, None),
        ("worker.crash@10000ops", None, 10_000),
        ("worker.crash@1op", None, 1),
        ("worker.crash:worker.ack.before@5s", 5.0, None),
        ("database.slow:50ms@100ops", None, 100),
    ],
)
def test_a_time_or_a_count_is_read(text: str, seconds: float | None, ops: int | None) -> None:
    fault = planned(text)
    never = float("inf")
    assert (fault.at_seconds, fault.after_ops) == (seconds or never, ops or never)
    assert f"{fault.name}@{fault.when}" == text


@pytest.mark.parametrize(
    ("text", "lasting"),
    [
        ("database.lock@4s+2s", 2.0),
        ("redis.down@100ops+250ms", 0.25),
        ("database.slow:50ms@1m+1.5m", 90.0),
        ("database.lock@4s", None),
    ],
)
def test_a_fault_may_last_for_a_while(text: str, lasting: float | None) -> None:
    fault = planned(text)
    assert fault.lasting_seconds == lasting
    assert f"{fault.name}@{fault.when}" == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("redis.kil@5s", "did you mean 'redis.kill'"),
        ("redis.kill", "NAME@WHEN"),
        ("@5s", "NAME@WHEN"),
        ("", "NAME@WHEN"),
        ("redis.kill@", "is not a time"),
        ("worker.crash:worker.ak.before@5s", "did you mean 'worker.ack.before'"),
        ("redis.kill@soon", "is not a time"),
        ("redis.kill@-5s", "is not a time"),
        ("redis.kill@5", "is not a time"),
        ("redis.kill@nans", "is not a time"),
        ("redis.kill@1.5ops", "is not a time"),
        ("database.lock@4s+", "write .* 4s\\+2s for one that begins after 4 s and lasts 2 s"),
        ("database.lock@4s+2", "is not a time"),
        ("database.lock@+2s", "is not a time"),
        ("database.lock@4s+100ops", "is not a time"),
        ("database.lock@4s+0s", "more than 0"),
        ("database.lock@4s+9000m", "at most 86,400 seconds"),
        ("redis.kill@4s+2s", "redis.kill passes by itself; it cannot be held for 2 s"),
    ],
)
def test_anything_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        planned(text)


def test_faults_come_after_their_count_and_time() -> None:
    injected: list[str] = []
    came = threading.Event()

    def inject(name: str, seconds: float | None) -> str:
        injected.append(name)
        came.set()
        return f"{name} it is"

    schedule = Schedule(
        [PlannedFault("b", "3ops", after_ops=3), PlannedFault("a", "0s", at_seconds=0.0)], inject
    )
    schedule.start()
    assert came.wait(60)
    came.clear()
    schedule.count(1)
    schedule.count(2)
    assert not came.wait(0.05)
    schedule.count(3)
    assert came.wait(60)
    assert injected == ["a", "b"]
    results = schedule.finish()
    assert [(each.name, each.injected, each.said) for each in results] == [
        ("a", True, "a it is"),
        ("b", True, "b it is"),
    ]
    assert results[1].ops == 3


def test_a_fault_that_cannot_come_or_never_came_is_said() -> None:
    came = threading.Event()

    def inject(name: str, seconds: float | None) -> str:
        came.set()
        raise Unavailable("not now")

    schedule = Schedule([planned("redis.kill@0s"), planned("redis.kill@1000s")], inject)
    schedule.start()
    assert came.wait(60)
    first, second = schedule.finish()
    assert (first.injected, first.said) == (False, "not now")
    assert (second.injected, second.seconds) == (False, None)
    assert "ended before" in second.said
