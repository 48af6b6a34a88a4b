"""The torture, in short: random kills, failpoints, system calls, and what a user sees of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cachedesk.core.failpoints import POINTS
from cachedesk.lab.torture.cycles import Torture, load
from cachedesk.lab.torture.points import ACTIONS, Points
from cachedesk.lab.torture.strace import StraceError
from cachedesk.lab.torture.torture_report import TortureReport
from tests.engine.until import until
from tests.torture.planted.worker_bugs import mark_outside_transaction

RANDOM_CYCLES = 75
TWICE_KILLED = ("log.append.after_commit", "through.commit.after", "worker.apply.after_commit")
pytestmark = pytest.mark.slow

SECONDS = 1_800


def assert_all_promises_kept(report: TortureReport) -> None:
    assert not report.broken, "\n".join(report.broken)


def torture_command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cachedesk", "torture", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def own_tmpdir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short TMPDIR of our own for commands, so that what they leave in it is seen."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_random_kills_break_no_promise() -> None:
    """By the command, twice at the same time."""
    commands = [
        torture_command("--cycles", str(RANDOM_CYCLES), "--seed", seed, "--json")
        for seed in ("20261123", "7")
    ]
    for command in commands:
        out, err = command.communicate(timeout=SECONDS)
        assert command.returncode == 0, out + err
        report = json.loads(out)
        assert report["broken"] == []
        assert report["kept"] is None
        assert report["cycles"] == report["kills"] + report["ends"] == RANDOM_CYCLES
        assert report["staked"] > RANDOM_CYCLES // 6, "too few processes really died"
        assert report["writes"] > 10 * RANDOM_CYCLES, "too little to prove anything"


def test_every_failpoint_is_reached_and_survived(tmp_path: Path) -> None:
    with Torture(tmp_path, seed=7, mode="failpoints") as torture:
        for report in Points(torture).failpoints(1):
            assert_all_promises_kept(report)
        report = torture.finish()
    assert_all_promises_kept(report)
    assert set(POINTS) == set(report.points)


def test_a_second_kill_during_the_boot_is_survived(tmp_path: Path) -> None:
    boots = [point for point in POINTS if point.startswith("boot.")]
    with Torture(tmp_path, seed=3, mode="failpoints") as torture:
        for report in Points(torture).failpoints(1, boots=True, points=TWICE_KILLED):
            assert_all_promises_kept(report)
    # All but the one that only new files reach, and the one that needs something pending.
    assert report.boots >= len(TWICE_KILLED) * (len(boots) - 2)
    assert report.kills == report.boots + len(TWICE_KILLED) + 1


def test_hits_are_counted_until_the_point_is_no_longer_reached(tmp_path: Path) -> None:
    with Torture(tmp_path, seed=3, mode="failpoints") as torture:
        for report in Points(torture).failpoints(points=("worker.ack.before",)):
            assert_all_promises_kept(report)
    assert 4 <= report.points["worker.ack.before"] <= 20


def test_system_calls_that_kill_or_fail_break_no_promise(tmp_path: Path) -> None:
    with Torture(tmp_path, seed=11, mode="syscalls") as torture:
        try:
            for report in Points(torture).syscalls(1):
                assert_all_promises_kept(report)
        except StraceError as error:
            pytest.skip(str(error))
        report = torture.finish()
    assert_all_promises_kept(report)
    for action, stays in ACTIONS:
        suffix = f"{action} for good" if stays else action
        struck = sum(count for name, count in report.points.items() if name.endswith(suffix))
        assert struck >= 12, f"only {struck} calls were struck: {suffix}"


def test_a_broken_cycle_is_kept_and_can_be_repeated(
    own_tmpdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = own_tmpdir / "kept"
    with Torture(kept, seed=5, mode="random") as torture:
        for report in torture.random(2):
            assert_all_promises_kept(report)
        mark_outside_transaction(monkeypatch)
        for report in torture.random(20):
            if report.broken:
                break
        assert torture.keep() == kept
    assert report.broken
    assert {path.name for path in kept.iterdir()} == {"before", "after", "cycle.json"}
    cycle = load(kept)
    assert cycle.broken == report.broken
    with Torture(own_tmpdir / "again", cycle.seed, "replay") as torture:
        *_, report = torture.replay(cycle, kept / "before", 3)
    assert report.broke == 3
    monkeypatch.undo()
    monkeypatch.setenv("TMPDIR", str(own_tmpdir))
    command = torture_command("--replay", str(kept), "--cycles", "2", "--json")
    out, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, out[:2_000] + err
    report_of_command = json.loads(out)
    assert report_of_command["kills"] + report_of_command["ends"] == 2
    assert report_of_command["broke"] == 0
    assert {path.name for path in own_tmpdir.iterdir()} == {"kept", "again"}


@pytest.mark.parametrize("mode", ["random", "failpoints", "syscalls"])
def test_ctrl_c_leaves_nothing_behind(mode: str, own_tmpdir: Path) -> None:
    command = torture_command("--mode", mode)
    until(lambda: list(own_tmpdir.glob("cachedesk-torture-*/data/log/witness")) or command.poll())
    if mode == "syscalls" and command.poll() == 2:
        pytest.skip(command.communicate()[1])
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=120)
    assert command.returncode == 130, out + err
    assert "Traceback" not in err
    assert "stopped by Ctrl-C" in out
    assert list(own_tmpdir.iterdir()) == []
    until(lambda: not processes_that_name(own_tmpdir))


def processes_that_name(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or ())
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--replay", "nowhere"), "nowhere cannot be replayed"),
        (("--replay", "nowhere", "--seed", "3"), "--replay excludes --seed"),
        (("--boots",), "--boots needs --mode failpoints"),
        (("--cycles", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(words: tuple[str, ...], says: str) -> None:
    command = torture_command(*words)
    out, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_without_strace_the_mode_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    command = torture_command("--mode", "syscalls")
    _, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 2
    assert "needs strace" in err
    assert err.count("\n") == 1
