"""Bugs planted into the server on purpose: the tests of its promises find each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from cachedesk.core.writes import Change, Level, Outcome, Receipt
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.server import dispatcher
from cachedesk.server.executor import Done, Executor
from cachedesk.server.plan import Transaction
from cachedesk.server.session import Session
from tests.engine.until import Task

from . import test_limits, test_promises
from .running import running


def test_a_reply_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = CacheLayer.write_each

    def early(self: CacheLayer, requests: Iterable[Sequence[Change]]) -> list[Outcome]:
        its = [list(changes) for changes in requests]
        Task(ordinary, self, its)
        return [[Receipt(1, Level.DURABLE, b"1") for _ in changes] for changes in its]

    monkeypatch.setattr(CacheLayer, "write_each", early)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_promises.test_a_part_that_is_down_is_a_clear_error()


def test_a_commit_for_each_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "_PARTS_AT_ONCE", 1)
    with pytest.raises(AssertionError):
        test_promises.test_the_writes_of_many_clients_share_commits()


def test_one_lane_for_both_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = dict.fromkeys(dispatcher.LANE_OF, dispatcher.Lane.THROUGH)
    monkeypatch.setattr("cachedesk.server.connection.LANE_OF", lanes)
    with pytest.raises(Exception, match=r"Timeout|timed out"):
        test_promises.check_that_a_locked_database_holds_up_no_write_to_the_log(timeout=1)


def test_a_transaction_that_forgets_what_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Executor, transaction: Transaction) -> Done:
        done = Done()
        done.replies.append(self._transact(Transaction(transaction.parts), done.written))
        return done

    monkeypatch.setattr(Executor, "transact", forgetful)
    with running() as server, pytest.raises(AssertionError):
        test_promises.test_optimistic_locking_loses_no_increment(server)


def test_a_transaction_that_others_see_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    # The lane of surveys is one that no write takes.
    one = frozenset({dispatcher.Lane.SURVEY})
    monkeypatch.setattr("cachedesk.server.connection.ALL_BUT_SURVEYS", one)
    monkeypatch.setattr(Executor, "transact", _one_by_one)
    with running() as server, pytest.raises(AssertionError):
        test_promises.test_exec_is_carried_out_as_one(server)


def _one_by_one(self: Executor, transaction: Transaction) -> Done:
    done = Done()
    replies: list[Any] = []
    for part in transaction.parts:
        its = self.run([part])
        replies += its.replies
        done.written |= its.written
    done.replies.append(replies)
    return done


def test_a_round_that_does_not_see_what_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "_round", lambda self, parts, start: parts[start:])
    with running() as server, pytest.raises(AssertionError):
        test_promises.test_one_pipeline_sees_its_own_writes(server)


def test_a_stranger_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Session, "authenticated", property(lambda self: True, lambda self, it: None)
    )
    with pytest.raises(AssertionError):
        test_limits.test_without_the_password_nothing_is_done()


def test_a_slow_client_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cachedesk.server.connection.Connection._watch_progress", lambda self, before: None
    )
    with pytest.raises(AssertionError):
        test_limits.check_that_a_slow_client_is_cut_off(patience=3)
