"""Real traffic, replayed by the real command, must end in exactly the known state."""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from engine.until import until

from .conftest import TRACES, Command

pytestmark = pytest.mark.slow


@dataclass
class Folded:
    """What a trace comes to, as this test reckons it, line by line in a dictionary."""

    ops: Counter[str] = field(default_factory=Counter)
    state: dict[str, str] = field(default_factory=dict)

    def take(self, op: str, key: str, value: str) -> None:
        self.ops[op] += 1
        if op == "set":
            self.state[key] = value
        elif op == "incr":
            self.state[key] = str(int(self.state.get(key, "0")) + int(value))
        elif op == "delete":
            self.state.pop(key, None)

    def sum_of(self, kind: str) -> int:
        return sum(int(value) for key, value in self.state.items() if key.startswith(f"{kind}:"))

    @property
    def sha256(self) -> str:
        lines = (f"{key}\t{self.state[key]}\n" for key in sorted(self.state, key=str.encode))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def fold(trace: Path, most: int | None = None) -> Folded:
    with trace.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        folded = Folded()
        for row in itertools.islice(rows, most):
            folded.take(*row)
    return folded


def check_fold(folded: Folded, expected: dict[str, Any]) -> None:
    """See that the reckoning of this test is that of the trace's author."""
    assert folded.ops == expected["ops"]
    assert (len(folded.state), folded.sha256) == (expected["final_keys"], expected["final_sha256"])
    for kind in ("edits", "bytes"):
        assert folded.sum_of(kind) == expected.get(f"sum_{kind}", 0)


@pytest.mark.parametrize(
    ("name", "policy", "most"),
    [
        # The first of it: what is seven times as long is no other traffic.
        ("wikipedia-edits", "*=write-behind", 20_000),
        # Half of it write-through, as no pattern matches file:*.
        ("redis-file-history", "touches:*=write-behind", 15_000),
    ],
)
def test_a_real_trace_ends_exactly(
    cachedesk: Command, name: str, policy: str, most: int, quick_path: Path
) -> None:
    trace = _shared(f"{name}.ops.csv")
    check_fold(fold(trace), json.loads((TRACES / f"{name}.expected.json").read_text()))
    expected = fold(trace, most)
    data = quick_path / "data"

    found = _run(
        cachedesk, "--trace", trace, "--ops", most, "--clients", 8, "--policy", policy,
        "--data", data,
    )  # fmt: skip
    assert {op: count for op, count in found["ops"].items() if count} == expected.ops
    writes = expected.ops.total() - expected.ops["get"]
    assert found["ledger"]["accepted"] == found["ledger"]["applied"] == writes
    assert found["reads"]["stale"] == found["reads"]["unavailable"] == 0

    dumped = cachedesk("dump", "--data", data)
    assert dumped.returncode == 0
    pairs = [tuple(json.loads(line)) for line in dumped.stdout.splitlines()]
    assert pairs == sorted(expected.state.items(), key=lambda pair: pair[0].encode())


def _run(cachedesk: Command, *arguments: object) -> dict[str, Any]:
    done = cachedesk("run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _shared(name: str) -> Path:
    if not (TRACES / name).exists():
        pytest.skip(f"the trace {name}, which is no part of the project, is not there")
    return TRACES / name


def test_the_reads_of_a_shop(cachedesk: Command, quick_path: Path) -> None:
    trace = _shared("web07.keys.txt")
    reads = trace.read_bytes().split()[:12_000]
    # A read that Redis is too slow for, on a busy machine, is a miss.
    patient = quick_path / "patient.toml"
    patient.write_text("[redis]\ntimeout_seconds = 5.0\n")
    found = _run(
        cachedesk, "--trace", trace, "--ops", len(reads), "--fill", "100", "--clients", 8,
        "--policy", "*=write-behind", "--config", patient, "--data", quick_path / "data",
    )  # fmt: skip
    assert found["trace"]["format"] == "keys"
    # Nothing is evicted: each of the 7,549 keys is missed once, at its first read.
    assert found["reads"]["hits"] + found["reads"]["misses"] == len(reads)
    assert found["reads"]["misses"] == found["ledger"]["accepted"] == len(set(reads))


@pytest.mark.parametrize("workload", "abcdef")
def test_the_core_workloads_of_ycsb(cachedesk: Command, quick_path: Path, workload: str) -> None:
    file = _shared(f"ycsb/workload{workload}")
    found = _run(cachedesk, "--trace", file, "--ops", 3_000, "--data", quick_path / "data")
    assert found["sound"] is True
    assert found["ops"]["set"] >= 1_000


@pytest.mark.parametrize("name", ["ycsb-a", "ycsb-d", "ycsb-e", "twitter-22", "twitter-52"])
def test_a_published_mix_is_a_workload(cachedesk: Command, quick_path: Path, name: str) -> None:
    found = _run(
        cachedesk, "--workload", name, "--keys", 500, "--ops", 2_500, "--data", quick_path / "data"
    )
    assert found["sound"] is True
    assert sum(found["ops"].values()) == 2_500


MONITOR = b"""1.0 [0 127.0.0.1:1] "incr" "views:1"
1.1 [0 127.0.0.1:1] "hset" "h" "f" "v"
what is this?
1.2 [0 127.0.0.1:1] "incr" "views:1"
"""


def test_standard_input_packed_with_bad_lines(quick_path: Path) -> None:
    data = quick_path / "data"
    command = [sys.executable, "-m", "cachedesk", "run", "--trace", "-", "--json", "--data", data]
    skipped = subprocess.run(
        [*command, "--skip-bad"], input=gzip.compress(MONITOR), capture_output=True, timeout=120
    )
    assert skipped.returncode == 0, skipped.stderr
    trace = json.loads(skipped.stdout)["trace"]
    assert (trace["format"], trace["lines"], trace["bad"]) == ("redis-monitor", 4, 1)
    assert trace["skipped"] == {"HSET": 1}
    refused = subprocess.run(command, input=MONITOR, capture_output=True, timeout=120)
    assert refused.returncode == 2
    assert b"standard input line 3: not a line of MONITOR output" in refused.stderr
    assert refused.stderr.count(b"\n") == 1


@pytest.mark.parametrize("form", ["redis-monitor", ""])
def test_a_pipe_that_is_silent_can_be_left(quick_path: Path, form: str) -> None:
    reader, writer = os.pipe()
    # The first line is enough, and half a line is not waited for.
    os.write(writer, b'OK\n1.0 [0 x] "incr" "views:1"\n1.1 [0 x] "incr')
    with subprocess.Popen(
        [sys.executable, "-m", "cachedesk", "run", "--trace", "-", "--json", "--data",
         quick_path / "data", "--seconds", "0.5", *(["--format", form] if form else [])],
        stdin=reader, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(reader)
        out, _ = process.communicate(timeout=120)
    os.close(writer)
    assert process.returncode == 0
    assert json.loads(out)["ledger"]["applied"] == 1


def test_a_pipe_that_says_nothing_can_be_left(quick_path: Path) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "cachedesk", "run", "--trace", "-", "--data", quick_path / "data"],
        stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        # Half a line says nothing; once it is taken, the process is waiting for the rest.
        os.write(writer, b"1.0 [0 x] ")
        until(lambda: not select.select([reader], [], [], 0)[0])
        os.close(reader)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
    os.close(writer)
    assert (process.returncode, out, error) == (128 + signal.SIGINT, b"", b"")
    assert not (quick_path / "data").exists()


def test_a_trace_at_its_own_times(cachedesk: Command, quick_path: Path) -> None:
    file = quick_path / "t"
    file.write_bytes(b"0,a,1,4,1,get,0\n1,b,1,4,1,get,0\n2,c,1,4,1,get,0\n")
    found = _run(cachedesk, "--trace", file, "--speed", "4x", "--data", quick_path / "data")
    assert found["ops"]["get"] == 3
    assert found["seconds"] >= 0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--speed", "real"), "its lines have no timestamps"),
        (("--speed", "fast"), "is not a speed"),
        (("--speed", "2x", "--rate", "5"), "excludes --rate"),
        (("--format", "twitter"), "line 1: 3 fields instead of 7"),
        (("--workload", "article"), "--trace excludes"),
        (("--fill", "big"), "is not a size"),
        (("--writes", "2"), "not in the range"),
    ],
)
def test_what_does_not_fit_a_trace_is_one_line(
    cachedesk: Command, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"op,key,value\nincr,a,1\n")
    done = cachedesk("run", "--trace", file, *arguments, "--data", tmp_path / "data")
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "data").exists()
