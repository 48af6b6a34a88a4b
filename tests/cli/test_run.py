"""``cachedesk run``: its output, its exit status and how it is stopped."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from .conftest import Command, Start

pytestmark = pytest.mark.slow


def test_a_run_prints_one_json_object_and_nothing_else(cachedesk: Command, tmp_path: Path) -> None:
    done = cachedesk("run", "--ops", 2000, "--seed", 3, "--json", "--data", tmp_path)
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1
    found = json.loads(done.stdout)
    assert set(found) >= {"ops", "reads", "ledger", "log", "lag_seconds", "seconds"}
    assert sum(found["ops"].values()) == 2000
    assert found["ledger"]["accepted"] == found["ledger"]["applied"]
    assert found["run"] == "workload article, seed 3"


def test_a_run_says_its_verdict_in_words(cachedesk: Command, tmp_path: Path) -> None:
    done = cachedesk(
        "run", "--ops", 3000, "--fault", "redis.kill@500ops", "--fault", "redis.kill@99m",
        "--data", tmp_path,
    )  # fmt: skip
    said = done.stdout.decode()
    # A fault that did not strike was asked for: the run is not what it was to be.
    assert done.returncode == 1
    assert "fault   redis.kill@500ops at" in said
    assert "fault   redis.kill@99m never: the run ended before it" in said
    assert "Incomplete: redis.kill@99m did not strike: the run ended before it." in said
    assert said.splitlines()[-1].startswith("The run is incomplete. Of what was done, ")
    assert done.stderr.count(b"\n") == 1
    done = cachedesk("run", "--ops", 100, "--data", tmp_path)
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[-1].startswith("Sound: every one of the ")


def test_stat_prints_a_header_and_a_line_a_second(cachedesk: Command, tmp_path: Path) -> None:
    done = cachedesk("run", "--seconds", 1.5, "--rate", 400, "--stat", "--data", tmp_path)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[1].split()[0] == "keys"
    assert len(lines[2].split()) == len(lines[3].split()) == 9
    assert lines[-1].startswith("Sound")


def test_the_data_directory_may_be_named_before_the_command(
    cachedesk: Command, tmp_path: Path
) -> None:
    assert cachedesk("--data", tmp_path / "d", "run", "--ops", 10).returncode == 0
    assert (tmp_path / "d" / "cachedesk.db").exists()


def test_a_policy_moves_a_pattern_to_another_path(cachedesk: Command, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    trace.write_text('["incr","order:1",5]\n' * 50)
    for policy, waited in (("write-through", False), ("write-behind", True)):
        done = cachedesk(
            "run", "--trace", trace, "--json", "--policy", f"order:*={policy}",
            "--data", tmp_path / policy,
        )  # fmt: skip
        assert done.returncode == 0
        assert (json.loads(done.stdout)["log"]["depth_max"] > 0) is waited


def test_refused_writes_are_skipped_and_break_no_promise(
    cachedesk: Command, tmp_path: Path
) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text(
        "op,key,value\nset,k,word\nincr,k,1\nset,n,9223372036854775807\nincr,n,1\nincr,n,-1\n"
    )
    done = cachedesk("run", "--trace", trace, "--json", "--data", tmp_path / "d")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ops"] == {
        "get": 0, "set": 2, "incr": 1, "delete": 0, "expire": 0, "skipped": 2,
    }  # fmt: skip
    dumped = cachedesk("dump", "--data", tmp_path / "d").stdout
    assert dumped == b'["k","word"]\n["n","9223372036854775806"]\n'


def test_a_directory_in_use_is_refused_by_everyone(
    cachedesk: Command, started: Start, tmp_path: Path
) -> None:
    running = started("run", "--seconds", 3600, "--rate", 200, "--stat", "--data", tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    for command in (("run", "--ops", 1), ("get", "k"), ("dump",), ("drain",)):
        done = cachedesk(*command, "--data", tmp_path)
        assert done.returncode == 2
        assert f"in use by process {running.pid}" in done.stderr.decode()
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130


WORDS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP (the terminal was closed)",
}


@pytest.mark.parametrize("number", WORDS)
def test_a_signal_ends_a_run_in_order(
    cachedesk: Command, started: Start, tmp_path: Path, number: signal.Signals
) -> None:
    running = started("run", "--seconds", 3600, "--rate", 200, "--stat", "--data", tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    # More than one: an impatient user must not keep it from closing.
    running.send_signal(number)
    running.send_signal(number)
    said, complaint = running.communicate(timeout=120)
    assert running.returncode == 128 + number
    assert complaint == b""
    assert f"Ended early: stopped by {WORDS[number]}.".encode() in said
    assert said.splitlines()[-1].startswith(b"Sound")
    assert not (tmp_path / "redis.state").exists()
    assert cachedesk("dump", "--data", tmp_path).returncode == 0


def test_whoever_stops_reading_is_not_bothered(started: Start, tmp_path: Path) -> None:
    running = started("run", "--seconds", 3600, "--rate", 200, "--stat", "--data", tmp_path)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    complaint: list[bytes] = []
    reader = threading.Thread(target=lambda: complaint.append(running.stderr.read()))  # type: ignore[union-attr]
    reader.start()
    assert running.wait(60) == 141
    reader.join()
    assert complaint == [b""]
    assert not (tmp_path / "redis.state").exists()
    running.stdout = None
