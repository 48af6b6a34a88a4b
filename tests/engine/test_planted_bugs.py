"""Planted bugs: each breaks one idea of the engine, and each is caught by a scenario.

A suite that finds nothing proves nothing until it has found something that is there. Some of the
bugs are those of ``tests.torture.planted`` and ``tests.model.planted``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from persistqueue import SQLiteQueue

from cachedesk.core.errors import CacheError, DatabaseError
from cachedesk.core.events import ABSENT, Entry, Refusal, WriteEvent
from cachedesk.observe.auditor import Auditor
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log import queue_log
from cachedesk.stores.redis import namespace, redis_cache, trusted_server
from cachedesk.stores.sqlite import sqlite_database, transaction
from tests.model import planted as model_bugs
from tests.torture.planted import cache_bugs, log_bugs, settings_bugs, worker_bugs

from . import scenarios, until

Plant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[Path], None]


def row_id_as_event_id(patch: pytest.MonkeyPatch) -> None:
    read = queue_log.QueueLog.read
    row_ids: dict[int, int] = {}

    def read_numbered(self: queue_log.QueueLog, *limits: int) -> tuple[WriteEvent, ...]:
        return tuple(
            WriteEvent(
                row_ids.setdefault(event.seq, len(row_ids) + 1),
                event.op,
                event.key,
                event.arg,
                event.at,
            )
            for event in read(self, *limits)
        )

    patch.setattr(queue_log.QueueLog, "read", read_numbered)


def log_as_persist_queue_opens_it(patch: pytest.MonkeyPatch) -> None:
    def connect(self: SQLiteQueue, *arguments: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = SQLiteQueue._new_db_connection(self, *arguments)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    patch.setattr(queue_log.DurableQueue, "_new_db_connection", connect)


def database_at_normal(patch: pytest.MonkeyPatch) -> None:
    open_writer = sqlite_database.SqliteDatabase._open_writer

    def open_hasty_writer(self: sqlite_database.SqliteDatabase) -> sqlite3.Connection:
        connection = open_writer(self)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    patch.setattr(sqlite_database.SqliteDatabase, "_open_writer", open_hasty_writer)


def log_watermark_not_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watermarks, "note_log", lambda self, seq: None)


def names_of_now(patch: pytest.MonkeyPatch) -> None:
    """A call that found Redis trusted uses the names of a generation that began since."""
    connect = trusted_server.TrustedServer._connect

    class OfNow:
        def __init__(self, names: namespace.Namespace) -> None:
            self._names = names

        def __getattr__(self, name: str) -> Any:
            return getattr(self._names.commands, name)

    def bad(
        self: trusted_server.TrustedServer, trust: trusted_server.Trust
    ) -> trusted_server.RedisConnection:
        connection = connect(self, trust)
        connection.commands = OfNow(self.namespace)  # type: ignore[assignment]
        return connection

    patch.setattr(trusted_server.TrustedServer, "_connect", bad)


def timeout_does_not_end_the_trust(patch: pytest.MonkeyPatch) -> None:
    """A call that Redis did not answer in time leaves the next one to wait as long."""
    patch.setattr(trusted_server.TrustedServer, "_suspend", lambda self, number, reason: None)


def error_answered_as_a_miss(patch: pytest.MonkeyPatch) -> None:
    """A Redis that gives no answer is taken as one that does not have the key."""
    get = redis_cache.RedisCache.get

    def get_or_miss(self: redis_cache.RedisCache, key: bytes) -> bytes | None:
        try:
            return get(self, key)
        except CacheError:
            return None

    patch.setattr(redis_cache.RedisCache, "get", get_or_miss)


def unreadable_row_taken_as_absent(patch: pytest.MonkeyPatch) -> None:
    """A database that cannot be read is taken as one without the row."""
    read = sqlite_database.SqliteDatabase.read

    def read_or_absent(self: sqlite_database.SqliteDatabase, key: bytes) -> Entry:
        try:
            return read(self, key)
        except DatabaseError:
            return ABSENT

    patch.setattr(sqlite_database.SqliteDatabase, "read", read_or_absent)


def a_refused_event_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forget(self: transaction.Transaction, refusals: Iterable[Refusal]) -> None:
        pass

    patch.setattr(transaction.Transaction, "bury", forget)


BUGS: list[tuple[Plant, Scenario]] = [
    (worker_bugs.applied_twice, scenarios.replayed_batch_changes_nothing),
    (worker_bugs.ack_before_commit, scenarios.crash_before_the_commit_loses_nothing),
    (log_bugs.pending_not_rebuilt, scenarios.pending_events_survive_a_restart),
    (row_id_as_event_id, scenarios.log_events_are_known_by_their_seq),
    (log_as_persist_queue_opens_it, scenarios.log_is_safe_against_power_cuts),
    (settings_bugs.normal_instead_of_full, scenarios.log_is_safe_against_power_cuts),
    (settings_bugs.normal_instead_of_full, scenarios.database_is_safe_against_power_cuts),
    (database_at_normal, scenarios.database_is_safe_against_power_cuts),
    (settings_bugs.no_lock_on_the_directory, scenarios.one_process_per_directory),
    (log_watermark_not_noted, scenarios.lost_wal_is_noticed),
    (log_bugs.pending_not_absorbed, scenarios.write_through_absorbs_what_is_pending),
    (log_bugs.no_key_locks, scenarios.the_paths_do_not_overtake_each_other),
    (cache_bugs.row_before_overlay, scenarios.flush_between_the_two_reads),
    (cache_bugs.fill_at_any_version, scenarios.write_between_row_and_fill),
    (model_bugs.write_without_a_new_version, scenarios.write_between_row_and_fill),
    (model_bugs.write_without_a_new_version, scenarios.joined_flight_is_new_enough),
    (cache_bugs.distrust_forgotten, scenarios.writes_past_redis_are_remembered),
    (cache_bugs.distrust_forgotten, scenarios.late_command_is_not_believed),
    (model_bugs.any_server_is_believed, scenarios.another_server_is_not_believed),
    (model_bugs.one_generation_for_ever, scenarios.another_server_is_not_believed),
    (names_of_now, scenarios.what_is_not_compared_yet_is_not_read),
    (timeout_does_not_end_the_trust, scenarios.a_timeout_is_met_once),
    (error_answered_as_a_miss, scenarios.a_timeout_is_met_once),
    (unreadable_row_taken_as_absent, scenarios.what_cannot_be_read_is_not_absent),
    (a_refused_event_is_forgotten, scenarios.poison_becomes_a_dead_letter),
]


@pytest.mark.parametrize(
    ("plant", "scenario"),
    BUGS,
    ids=[f"{plant.__name__}-{scenario.__name__}" for plant, scenario in BUGS],
)
def test_a_planted_bug_is_caught(
    plant: Plant, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    # What the bug prevents is not waited for as long as what is merely slow.
    monkeypatch.setattr(until, "PATIENCE_SECONDS", 5.0)
    # It mends what it finds, and may find it before the scenario does.
    monkeypatch.setattr(Auditor, "every_seconds", 3600)
    with pytest.raises(scenarios.FAILURES):
        scenario(tmp_path)


@pytest.mark.parametrize("scenario", sorted({scenario for _, scenario in BUGS}, key=str))
def test_without_the_bug_the_scenario_passes(scenario: Scenario, tmp_path: Path) -> None:
    scenario(tmp_path)


def test_the_lock_is_dropped_with_its_process(tmp_path: Path) -> None:
    """The lock belongs to the open file, so that a killed process leaves none behind."""
    first = DataDirectory(tmp_path)
    first.close()
    second = DataDirectory(tmp_path)
    assert (tmp_path / "lock").read_text().strip() == str(os.getpid())
    second.close()
