"""``cachedesk compare``: one table, one JSON object, and nothing left."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from .conftest import Command, Start

pytestmark = pytest.mark.slow


def test_a_trace_is_compared_under_two_settings(cachedesk: Command, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    trace.write_text('["set","a","1"]\n["get","a"]\n["incr","views:1",2]\n' * 40)
    done = cachedesk(
        "compare", "--trace", trace, "--vary", "policy=write-through,write-behind", "--json"
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert [run["settings"] for run in found["runs"]] == [
        {"policy": "write-through"},
        {"policy": "write-behind"},
    ]
    for run in found["runs"]:
        assert run["ops"] == {
            "get": 40,
            "set": 40,
            "incr": 40,
            "delete": 0,
            "expire": 0,
            "skipped": 0,
        }
        assert run["ledger"]["accepted"] == run["ledger"]["applied"] == 80
    assert found["runs"][0]["latency_seconds"]["write_behind"]["count"] == 0
    assert found["runs"][1]["latency_seconds"]["write_behind"]["count"] == 80
    assert found["table"][1]["rows"] < found["table"][0]["rows"] == 80


def test_a_comparison_and_a_run_warn_of_noeviction(cachedesk: Command, tmp_path: Path) -> None:
    words = "with noeviction a full Redis refuses new keys"
    vary = ("compare", "--ops", 20, "--vary", "eviction=allkeys-lru,noeviction")
    done = cachedesk(*vary)
    assert (done.returncode, done.stdout.decode().count(words)) == (0, 1)
    (warning,) = json.loads(cachedesk(*vary, "--json").stdout)["warnings"]
    assert words in warning
    (tmp_path / "cachedesk.toml").write_text("[redis]\neviction_policy = 'noeviction'")
    done = cachedesk("run", "--ops", 20, "--json", "--data", tmp_path)
    assert (done.returncode, done.stderr.decode().count(words)) == (0, 1)
    assert done.stderr.count(b"\n") == 1


def test_a_workload_is_compared_in_one_table_and_a_report(
    cachedesk: Command, tmp_path: Path
) -> None:
    report = tmp_path / "c.md"
    done = cachedesk(
        "compare", "--vary", "batch=10,1000", "--ops", 1000, "--fault", "worker.crash@300ops",
        "--report", report,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in said[1:4]] == ["batch", "10", "1000"]
    assert said[-1].startswith("Sound: in 2 runs")
    told = report.read_text()
    assert told.startswith("# workload article, seed 1: what if\n\n**Sound**")
    assert "--vary batch=10,1000 --ops 1000" in told


def test_a_trace_of_keys_gives_a_curve_of_hit_rates(cachedesk: Command, tmp_path: Path) -> None:
    trace = tmp_path / "keys.txt"
    trace.write_text("".join(f"item:{n % 1500}\n" for n in range(4500)))
    report = tmp_path / "c.html"
    # A read that Redis is too slow for is none of its hits.
    patient = tmp_path / "patient.toml"
    patient.write_text("[redis]\ntimeout_seconds = 5.0\n")
    done = cachedesk(
        "compare", "--trace", trace, "--format", "keys", "--fill", "2kb", "--clients", 4,
        "--config", patient,
        "--vary", "maxmemory=2mb,16mb", "--json", "--report", report,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    small, large = json.loads(done.stdout)["table"]
    # All but the first read of each key hit, if Redis can hold them all.
    assert large["keys"] == 1500
    assert large["hit_rate"] == 2 / 3
    assert small["keys"] < 1500
    assert small["hit_rate"] < 2 / 3
    assert "Hit rate over maxmemory" in report.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to vary"),
        (("--vary", "maxmemry=8mb"), "did you mean 'maxmemory'?"),
        (("--vary", "batch=x"), "expected int, not 'x'"),
        (("--vary", "batch=1", "--workload", "artikle"), "did you mean 'article'?"),
        (("--vary", "batch=1", "--fault", "redis.kil@1s"), "redis.kill"),
        (("--vary", "rate=1,2", "--trace", "x", "--speed", "real"), "excludes --rate"),
        (("--vary", "batch=1", "--trace", "x", "--keys", "3"), "--trace excludes"),
        (("--vary", "batch=1", "--trace", "-"), "name a file, not -"),
        (("--vary", "batch=1", "--trace", "/nowhere.csv"), "/nowhere.csv: cannot read"),
        (("--vary", "batch=1", "--trace", "x", "--workload", "y"), "--trace excludes"),
        (("--vary", "batch=1", "--config", "/nowhere.toml"), "/nowhere.toml: cannot read"),
    ],
)
def test_bad_usage_is_one_line_before_anything_runs(
    cachedesk: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = cachedesk("compare", *arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


def test_a_signal_ends_it_in_order_and_leaves_nothing(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    report = tmp_path / "c.json"
    running = started(
        "compare", "--vary", "clients=1,2", "--rate", 50, "--ops", 100_000, "--report", report
    )
    deadline = time.monotonic() + 60
    while not list(scratch.glob("cachedesk-compare-*/data/cachedesk.db")):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said, complaint = running.communicate(timeout=120)
    assert running.returncode == 130
    assert complaint == b""
    assert b"Ended early: 1 of 2 runs were made." in said
    assert not list(scratch.glob("cachedesk-compare-*"))
    assert json.loads(report.read_text())["verdict"]["tone"] == "open"
