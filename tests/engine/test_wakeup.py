"""The wake-up: a wait ends when it is set, and at the latest when its time is up."""

from __future__ import annotations

from cachedesk.core.wakeup import Wakeup

from .until import Task


def test_it_stays_set_until_it_is_cleared() -> None:
    wakeup = Wakeup()
    assert (wakeup.is_set(), wakeup.wait(0.0)) == (False, False)
    wakeup.set()
    wakeup.set()
    assert (wakeup.is_set(), wakeup.wait(0.0), wakeup.wait(60.0)) == (True, True, True)
    wakeup.clear()
    wakeup.clear()
    assert (wakeup.is_set(), wakeup.wait(0.0)) == (False, False)


def test_another_thread_wakes_the_one_that_waits() -> None:
    wakeup = Wakeup()
    waiting = Task(wakeup.wait, 600.0)
    wakeup.set()
    assert waiting.result() is True


def test_a_short_wait_ends_however_often_it_is_set_and_cleared() -> None:
    """A queue in its place waited for ever on Python 3.12, and on a busy machine elsewhere."""

    def short_waits() -> int:
        ended = 0
        for _ in range(3_000):
            wakeup = Wakeup()
            wakeup.wait(1e-6)
            wakeup.set()
            wakeup.clear()
            wakeup.wait(-1.0)
            ended += 1
        return ended

    assert Task(short_waits).result() == 3_000
