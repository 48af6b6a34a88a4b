"""Planted bugs: each breaks one idea of the engine, and each is caught by a scenario.

A suite that finds nothing proves nothing until it has found something that is there.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from persistqueue import SQLiteQueue

from cachedesk.core.events import ABSENT, Coalesced, Entry, Refusal, WriteEvent, coalesce
from cachedesk.engine import key_versions, local_engine, local_flusher
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.overlay import Overlaid, OverlayReader
from cachedesk.observe.auditor import Auditor
from cachedesk.stores.files.data_directory import DataDirectory
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log import queue_log
from cachedesk.stores.redis import namespace, trusted_server
from cachedesk.stores.sqlite import sqlite_database, transaction

from . import scenarios, until

Plant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[Path], None]


def coalesce_ignores_seq(patch: pytest.MonkeyPatch) -> None:
    def apply_again(rows: Mapping[bytes, Entry], events: Iterable[WriteEvent]) -> Coalesced:
        return coalesce({key: Entry(row.value, 0) for key, row in rows.items()}, events)

    patch.setattr(local_engine, "coalesce", apply_again)


def ack_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    read = queue_log.QueueLog.read

    def read_and_ack(self: queue_log.QueueLog, *limits: int) -> tuple[WriteEvent, ...]:
        events = read(self, *limits)
        if events:
            self.ack(events[-1].seq)
        return events

    patch.setattr(queue_log.QueueLog, "read", read_and_ack)
    patch.setattr(local_flusher.LocalFlusher, "_read_again", lambda self: None)


def pending_not_rebuilt_at_open(patch: pytest.MonkeyPatch) -> None:
    recover = Backlog.recover

    def recover_without(
        self: Backlog,
        events: Sequence[WriteEvent],
        age_seconds: float,
        *,
        pending: Sequence[WriteEvent],
    ) -> None:
        recover(self, events, age_seconds, pending=())

    patch.setattr(Backlog, "recover", recover_without)


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


def no_lock_on_the_directory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fcntl, "flock", lambda lock, how: None)


def no_witness_of_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watermarks, "note_log", lambda self, seq: None)


def write_through_ignores_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PendingEvents, "events_of", lambda self, keys: [])


def no_fence(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def pass_by(self: KeyLocks, keys: object, deadline: float) -> Iterator[None]:
        yield

    patch.setattr(KeyLocks, "exclusive", pass_by)
    patch.setattr(KeyLocks, "shared", pass_by)


def row_read_before_the_overlay(patch: pytest.MonkeyPatch) -> None:
    def read(self: OverlayReader, keys: Sequence[bytes]) -> dict[bytes, Overlaid]:
        rows = self._read_rows(keys)
        self._reach("repair.overlay.after")
        return {key: Overlaid(self._pending.events(key), rows.get(key, ABSENT)) for key in keys}

    patch.setattr(OverlayReader, "_read", read)


def fill_without_a_look_at_the_version(patch: pytest.MonkeyPatch) -> None:
    def fill(
        self: key_versions.KeyVersions, versions: Mapping[bytes, int], put: Any
    ) -> list[bytes]:
        put(list(versions))
        return list(versions)

    patch.setattr(key_versions.KeyVersions, "fill", fill)


def write_without_a_new_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(key_versions.KeyVersions, "bump", lambda self, keys: None)


def distrusted_keys_are_not_dropped(patch: pytest.MonkeyPatch) -> None:
    distrust = trusted_server.TrustedServer.distrust
    patch.setattr(
        trusted_server.TrustedServer,
        "distrust",
        lambda self, keys, reason: distrust(self, (), reason),
    )


def any_server_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(trusted_server, "identity_of", lambda connection: (b"the one and only", None))


def one_generation_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(namespace, "new_generation", lambda: b"only")


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


def a_refused_event_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forget(self: transaction.Transaction, refusals: Iterable[Refusal]) -> None:
        pass

    patch.setattr(transaction.Transaction, "bury", forget)


BUGS: list[tuple[Plant, Scenario]] = [
    (coalesce_ignores_seq, scenarios.replayed_batch_changes_nothing),
    (ack_before_the_commit, scenarios.crash_before_the_commit_loses_nothing),
    (pending_not_rebuilt_at_open, scenarios.pending_events_survive_a_restart),
    (row_id_as_event_id, scenarios.log_events_are_known_by_their_seq),
    (log_as_persist_queue_opens_it, scenarios.log_is_safe_against_power_cuts),
    (database_at_normal, scenarios.database_is_safe_against_power_cuts),
    (no_lock_on_the_directory, scenarios.one_process_per_directory),
    (no_witness_of_the_log, scenarios.lost_wal_is_noticed),
    (write_through_ignores_what_is_pending, scenarios.write_through_absorbs_what_is_pending),
    (no_fence, scenarios.the_paths_do_not_overtake_each_other),
    (row_read_before_the_overlay, scenarios.flush_between_the_two_reads),
    (fill_without_a_look_at_the_version, scenarios.write_between_row_and_fill),
    (write_without_a_new_version, scenarios.write_between_row_and_fill),
    (write_without_a_new_version, scenarios.joined_flight_is_new_enough),
    (distrusted_keys_are_not_dropped, scenarios.writes_past_redis_are_remembered),
    (distrusted_keys_are_not_dropped, scenarios.late_command_is_not_believed),
    (any_server_is_believed, scenarios.another_server_is_not_believed),
    (one_generation_for_ever, scenarios.another_server_is_not_believed),
    (names_of_now, scenarios.what_is_not_compared_yet_is_not_read),
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
