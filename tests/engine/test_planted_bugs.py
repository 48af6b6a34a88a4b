"""Planted bugs: each breaks one idea of the engine, and each is caught by a scenario.

A suite that finds nothing proves nothing until it has found something that is there.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from persistqueue import SQLiteQueue

from cachedesk.engine import cache, database, freshness, log, repair, transaction, worker
from cachedesk.engine.directory import DataDirectory
from cachedesk.engine.events import Coalesced, Refusal, Row, WriteEvent, coalesce
from cachedesk.engine.fence import KeyFence
from cachedesk.engine.pending import Pending
from cachedesk.engine.witness import Witness

from . import scenarios, until

Plant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[Path], None]


def coalesce_ignores_seq(patch: pytest.MonkeyPatch) -> None:
    def apply_again(rows: Mapping[bytes, Row], events: Iterable[WriteEvent]) -> Coalesced:
        return coalesce({key: Row(row.value, 0) for key, row in rows.items()}, events)

    patch.setattr(worker, "coalesce", apply_again)


def ack_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    read = log.WriteBehindLog.read

    def read_and_ack(self: log.WriteBehindLog, most_events: int) -> tuple[WriteEvent, ...]:
        events = read(self, most_events)
        if events:
            self.ack(events[-1].seq)
        return events

    patch.setattr(log.WriteBehindLog, "read", read_and_ack)
    patch.setattr(log.WriteBehindLog, "rewind", lambda self: None)


def pending_not_rebuilt_at_open(patch: pytest.MonkeyPatch) -> None:
    add = Pending.add

    def add_new_ones(
        self: Pending, events: Sequence[WriteEvent], heads: Mapping[bytes, Any] | None = None
    ) -> None:
        if heads is not None:
            add(self, events, heads)

    patch.setattr(Pending, "add", add_new_ones)


def row_id_as_event_id(patch: pytest.MonkeyPatch) -> None:
    read = log.WriteBehindLog.read
    row_ids = itertools.count(1)

    def read_numbered(self: log.WriteBehindLog, most_events: int) -> tuple[WriteEvent, ...]:
        return tuple(
            WriteEvent(next(row_ids), event.op, event.key, event.arg, event.at)
            for event in read(self, most_events)
        )

    patch.setattr(log.WriteBehindLog, "read", read_numbered)


def log_as_persist_queue_opens_it(patch: pytest.MonkeyPatch) -> None:
    def connect(self: SQLiteQueue, *arguments: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = SQLiteQueue._new_db_connection(self, *arguments)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    patch.setattr(log.DurableQueue, "_new_db_connection", connect)


def database_at_normal(patch: pytest.MonkeyPatch) -> None:
    open_writer = database.Database._open_writer

    def open_hasty_writer(self: database.Database) -> sqlite3.Connection:
        connection = open_writer(self)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    patch.setattr(database.Database, "_open_writer", open_hasty_writer)


def no_lock_on_the_directory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fcntl, "flock", lambda lock, how: None)


def no_witness_of_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Witness, "note_log", lambda self, seq: None)


def write_through_ignores_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pending, "events_of", lambda self, keys: [])


def no_fence(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def pass_by(self: KeyFence, keys: object, deadline: float) -> Iterator[None]:
        yield

    patch.setattr(KeyFence, "alone", pass_by)
    patch.setattr(KeyFence, "shared", pass_by)


def row_read_before_the_overlay(patch: pytest.MonkeyPatch) -> None:
    def load(self: repair.Reader, keys: Sequence[bytes]) -> dict[bytes, repair.Read]:
        rows = self._database.read_many(keys)
        self._reach("repair.overlay.after")
        overlays = {key: self._pending.events(key) for key in keys}
        return {
            key: repair._read(rows.get(key, repair.NO_ROW), events)
            for key, events in overlays.items()
        }

    patch.setattr(repair.Reader, "_load", load)


def fill_without_a_look_at_the_version(patch: pytest.MonkeyPatch) -> None:
    def fill(self: freshness.Versions, versions: Mapping[bytes, int], put: Any) -> list[bytes]:
        put(list(versions))
        return list(versions)

    patch.setattr(freshness.Versions, "fill", fill)


def write_without_a_new_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(freshness.Versions, "bump", lambda self, keys: None)


def doubtful_keys_are_not_dropped(patch: pytest.MonkeyPatch) -> None:
    doubt = cache.Cache.doubt
    patch.setattr(cache.Cache, "doubt", lambda self, keys, reason: doubt(self, (), reason))


def any_server_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cache, "run_id_of", lambda wire: b"the one and only")


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
    (doubtful_keys_are_not_dropped, scenarios.writes_past_redis_are_remembered),
    (doubtful_keys_are_not_dropped, scenarios.late_command_is_not_believed),
    (any_server_is_believed, scenarios.another_server_is_not_believed),
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
