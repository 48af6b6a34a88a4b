"""Runs with the faults of the catalogue: each is sound, and poison ends as one dead letter."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from engine.until import until

from cachedesk.chaos.poison_event import POISON_KEY
from cachedesk.core.events import Op, WriteEvent
from cachedesk.core.policy import Policy
from cachedesk.core.settings import DatabaseSettings, Settings
from cachedesk.lab.judge.ledger import Ledger
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run import watch
from cachedesk.lab.run.runs import RunResult, run_session
from cachedesk.lab.run.schedule import planned
from cachedesk.lab.run.session import DRAIN_SECONDS, Session
from cachedesk.stack.fault_catalog import NAMES, parsed

pytestmark = pytest.mark.slow

_HASTY = msgspec.structs.replace(Settings(), database=DatabaseSettings(write_seconds=0.05))


_SOUND = (
    "redis.kill",
    "redis.down",
    "redis.hang",
    "redis.empty",
    "redis.old_snapshot:50ms",
    "redis.squeeze",
    "database.lock",
    "database.full",
    "database.readonly@1000ops+50ms",
    "database.slow:5ms",
    "database.gone",
    "log.full",
    "worker.crash:worker.apply.after_commit",
    "worker.crash:worker.ack.before",
)
_WITH_A_TEST_OF_THEIR_OWN = {"log.poison", "process.kill"}


def _run(data: Path, *faults: str) -> RunResult:
    return run_session(
        data,
        _HASTY,
        WorkloadTraffic("article", 1),
        Load(clients=4, ops=3000),
        faults=[planned(fault) for fault in faults],
        watch=watch.wait,
    )


def test_every_fault_of_the_catalogue_is_tried() -> None:
    tried = {parsed(fault.partition("@")[0])[0] for fault in _SOUND}
    assert tried | _WITH_A_TEST_OF_THEIR_OWN == set(NAMES)


@pytest.mark.parametrize("fault", _SOUND)
def test_a_run_is_sound_under_each_fault(tmp_path: Path, fault: str) -> None:
    outcome = _run(tmp_path, fault if "@" in fault else f"{fault}@1000ops")
    assert outcome.report.faults[0].injected
    assert ("(for 0.05 s)" in outcome.report.faults[0].said) == ("+" in fault)
    assert outcome.report.verdict.sound
    assert outcome.exit_code == 0


def test_poison_is_one_dead_letter_and_no_broken_promise(tmp_path: Path) -> None:
    for _ in range(2):
        outcome = _run(tmp_path, "log.poison@1000ops")
        verdict = outcome.report.verdict
        assert outcome.exit_code == 0
        assert (verdict.dead, verdict.pending, verdict.uncertain) == (1, 0, ())
        assert verdict.accepted == verdict.applied + 1
        assert any("1 as a dead letter, and no read" in line for line in outcome.report.lines())


@pytest.mark.parametrize("what", ["", "cachedesk.db"])
def test_files_that_are_taken_away_end_a_run_without_a_verdict(tmp_path: Path, what: str) -> None:
    data = tmp_path / "data"

    def take(session: Session) -> None:
        until(lambda: session.driver.tally().done > 50)
        shutil.rmtree(data) if not what else (data / what).unlink()
        until(lambda: session.stack.files_trouble)
        # Pending, so that a drain would have to wait.
        until(lambda: session.stack.backlog.depth or not session.driver.tally().incrs)
        session.driver.stop()

    began = time.monotonic()
    traffic, load = WorkloadTraffic("article", 1), Load(clients=4, rate=2_000.0)
    outcome = run_session(data, Settings(), traffic, load, faults=(), watch=take)
    assert time.monotonic() - began < DRAIN_SECONDS
    report = outcome.report
    assert (outcome.exit_code, report.sound, report.complete) == (1, False, False)
    assert report.as_json()["sound"] is None
    *_, incomplete, judged = report.lines()
    assert incomplete.endswith(f"{what or 'log.db'} was removed or moved while it was in use.")
    assert judged == "Not judged: its files cannot be read."
    assert report.verdict.accepted == report.tally.sets + report.tally.incrs + report.tally.deletes


def test_a_fault_that_outlasts_the_load_lasted_as_long_as_it_did(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "redis.down@100ops+60s")
    (fault,) = outcome.report.faults
    assert fault.lasted_seconds is not None
    assert 0 <= fault.lasted_seconds < 60
    assert outcome.exit_code == 1
    assert outcome.report.missing[0].startswith("redis.down@100ops+60s lasted ")


def test_what_a_fault_has_written_can_be_lost_too() -> None:
    ledger = Ledger()
    ledger.begin([])
    ledger.injected([WriteEvent(7, Op.INCR, POISON_KEY, 1, 0.0)])
    spoilt = [(POISON_KEY, b"spoilt")]
    assert ledger.verdict((), {7}, spoilt).sound
    assert ledger.verdict({7}, (), spoilt).sound
    assert ledger.verdict((), (), spoilt).lost == (7,)


def test_a_silent_write_of_a_key_whose_tombstone_was_dropped_is_not_called_lost() -> None:
    """The worker died between its commit and saying so; the key was deleted and trimmed since."""
    ledger = Ledger()
    ledger.begin([])
    ledger.accepted(7, Operation(Verb.SET, b"session:1", b"x"), b"x")
    ledger.accepted(8, Operation(Verb.DELETE, b"session:1", None), None)
    ledger.applied([WriteEvent(8, Op.DELETE, b"session:1", None, 0.0)])
    assert ledger.verdict((), (), [], row_seq=lambda key: 0).sound
    assert ledger.verdict((), (), [], row_seq=lambda key: 6).lost == (7,)
    ledger.accepted(9, Operation(Verb.SET, b"session:2", b"x"), b"x")
    assert ledger.verdict((), (), [], row_seq=lambda key: 0).lost == (9,)


def test_a_run_whose_process_is_killed_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    def cachedesk(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cachedesk", *arguments, "--data", str(tmp_path / "data")]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    killed = cachedesk("run", "--ops", "100000", "--fault", "process.kill@2000ops")
    assert killed.returncode == -signal.SIGKILL
    before = cachedesk("dump")
    assert before.returncode == 0
    assert before.stdout.count("\n") > 100
    assert cachedesk("drain").returncode == 0
    assert cachedesk("dump").stdout == before.stdout


def test_a_crash_that_the_worker_never_came_to_did_not_strike(tmp_path: Path) -> None:
    # Nothing is written behind, so that the worker has no batch.
    settings = Settings(policies={"*": Policy.WRITE_THROUGH})
    outcome = run_session(
        tmp_path / "data",
        settings,
        WorkloadTraffic("article", 1),
        Load(ops=200),
        faults=[planned("worker.crash@50ops"), planned("redis.empty@60ops")],
        watch=watch.wait,
    )
    report = outcome.report
    assert (outcome.exit_code, report.verdict.sound, report.sound) == (1, True, False)
    assert report.missing == (
        "worker.crash@50ops did not strike: the worker never reached worker.apply.mid_batch",
    )
