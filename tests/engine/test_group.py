"""Group commit: who arrives during a commit shares the next one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from cachedesk.core.errors import OutcomeUnknown, Unavailable
from cachedesk.engine.group_commit import GroupCommit, Request

from .until import Task, until


def all_done(group: list[Request]) -> None:
    for request in group:
        request.done()


class Committer:
    """Keeps the groups it was given, and holds each commit until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[Request]] = []
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.decide: Callable[[list[Request]], None] = lambda group: (
            [request.done() for request in group] and None
        )

    def __call__(self, group: list[Request]) -> None:
        self.groups.append(list(group))
        self.entered.release()
        assert self.go.acquire(timeout=120)
        self.decide(group)


def waiting(group: GroupCommit[Request], count: int) -> None:
    until(lambda: len(group._queue) == count)


def test_many_who_wait_share_one_commit() -> None:
    commit = Committer()
    group = GroupCommit(commit, 100)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    others = [Task(group.submit, Request()) for _ in range(20)]
    waiting(group, 20)
    commit.go.release(2)
    for task in (first, *others):
        task.result()
    assert [len(group) for group in commit.groups] == [1, 20]


def test_a_group_has_a_limit_and_keeps_the_order() -> None:
    commit = Committer()
    group = GroupCommit(commit, 3)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    requests = [Request() for _ in range(7)]
    tasks = []
    for number, request in enumerate(requests, 1):
        tasks.append(Task(group.submit, request))
        waiting(group, number)
    commit.go.release(10)
    for task in (first, *tasks):
        task.result()
    assert [len(group) for group in commit.groups] == [1, 3, 3, 1]
    assert [request for group in commit.groups[1:] for request in group] == requests


def test_a_lone_caller_needs_no_other_thread() -> None:
    seen: list[str] = []

    def commit(group: list[Request]) -> None:
        seen.append(threading.current_thread().name)
        group[0].done()

    GroupCommit(commit, 10).submit(Request())
    assert seen == [threading.current_thread().name]


def test_who_is_left_undecided_is_committed_again_before_later_ones() -> None:
    seen: list[list[Request]] = []

    def commit(group: list[Request]) -> None:
        seen.append(list(group))
        if len(seen) < 3:
            return
        for request in group:
            request.done()

    request = Request()
    GroupCommit(commit, 10).submit(request)
    assert seen == [[request]] * 3


def test_each_gets_its_own_error() -> None:
    commit = Committer()

    def decide(group: list[Request]) -> None:
        for number, request in enumerate(group):
            if number % 2:
                request.fail(Unavailable(f"number {number}"))
            else:
                request.done()

    commit.decide = decide
    group = GroupCommit(commit, 100)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    tasks = []
    for number in range(1, 5):
        tasks.append(Task(group.submit, Request()))
        waiting(group, number)
    commit.go.release(2)
    first.result()
    for number, task in enumerate(tasks):
        if number % 2:
            with pytest.raises(Unavailable, match=f"number {number}"):
                task.result()
        else:
            task.result()


def test_an_error_of_the_commit_is_everybodys() -> None:
    commit = Committer()

    def decide(group: list[Request]) -> None:
        raise Unavailable("the disk is full")

    group = GroupCommit(commit, 100)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    others = [Task(group.submit, Request()) for _ in range(3)]
    waiting(group, 3)
    commit.decide = decide
    commit.go.release(2)
    for task in (first, *others):
        with pytest.raises(Unavailable, match="the disk is full"):
            task.result()
    commit.decide = lambda group: group[0].done()
    commit.go.release()
    group.submit(Request())


class Death(BaseException):
    """What a leader dies of."""


def test_a_leader_that_dies_tells_the_others_that_the_outcome_is_unknown() -> None:
    commit = Committer()

    def die(group: list[Request]) -> None:
        commit.decide = lambda group: group[0].done()
        raise Death

    group = GroupCommit(commit, 100)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    others = [Task(group.submit, Request()) for _ in range(3)]
    waiting(group, 3)
    commit.go.release()
    first.result()
    assert commit.entered.acquire(timeout=120)
    commit.decide = die
    commit.go.release()
    ends = []
    for task in others:
        with pytest.raises((Death, OutcomeUnknown)) as caught:
            task.result()
        ends.append(caught.type.__name__)
    assert sorted(ends) == ["Death", "OutcomeUnknown", "OutcomeUnknown"]
    commit.go.release()
    group.submit(Request())


class Interrupt(Exception):
    """A signal handler's exception, as Ctrl-C raises one in the main thread."""


def interrupt(number: int, frame: object) -> None:
    raise Interrupt


@pytest.fixture
def interruptible() -> object:
    """SIGUSR1 raises ``Interrupt`` in the main thread."""
    usual = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, usual)


def strike_when(condition: Callable[[], object]) -> Task:
    """Interrupt the main thread as soon as ``condition`` holds."""

    def strike() -> None:
        until(condition)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)  # type: ignore[arg-type]

    return Task(strike)


@pytest.mark.usefixtures("interruptible")
def test_a_caller_interrupted_while_it_waits_is_not_committed_afterwards() -> None:
    commit = Committer()
    group = GroupCommit(commit, 100)
    first = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    interrupted = Request()
    strike = strike_when(lambda: len(group._queue) == 1)
    with pytest.raises(Interrupt):
        group.submit(interrupted)
    strike.result()
    commit.go.release(5)
    first.result()
    group.submit(Request())
    assert all(interrupted not in group for group in commit.groups)
    assert not interrupted.decided


@pytest.mark.usefixtures("interruptible")
def test_a_caller_interrupted_while_another_commits_it_leaves_after_that_commit() -> None:
    """Its keys must stay locked until its write is through, or a later one could overtake it."""
    commit = Committer()
    done = commit.decide
    commit.decide = lambda group: None
    group = GroupCommit(commit, 100)
    leader = Task(group.submit, Request())
    assert commit.entered.acquire(timeout=120)
    mine, left = Request(), threading.Event()

    def strike_while_mine_is_committed() -> None:
        waiting(group, 1)
        commit.go.release()
        assert commit.entered.acquire(timeout=120)
        assert mine in commit.groups[-1]
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)  # type: ignore[arg-type]
        assert not left.wait(0.1), "the caller left before its request was decided"
        commit.decide = done
        commit.go.release()

    strike = Task(strike_while_mine_is_committed)
    with pytest.raises(Interrupt):
        group.submit(mine)
    left.set()
    assert mine.decided
    strike.result()
    leader.result()
