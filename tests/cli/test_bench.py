"""``cachedesk bench``: every contender runs every workload on the real engines."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cachedesk.lab.bench.rivals import LIMIT, OURS
from cachedesk.lab.bench.workloads import BENCH_WORKLOADS, MIXED

from .conftest import Command

pytestmark = pytest.mark.slow

BARE, HAND, QUEUE, HUEY, DISK = "bare socket", "by hand", "ack queue", "huey", "diskcache"
WRITERS = {BARE, HAND, QUEUE, HUEY, DISK}
TAKES_PART = {
    "hit": {BARE, HAND, DISK},
    "hits": {BARE, HAND, DISK},
    "repair": {BARE, HAND},
    "behind": WRITERS,
    "behind_16": WRITERS,
    "behind_100": WRITERS,
    "through": {BARE, HAND, DISK},
    "through_100": {BARE, HAND, DISK},
    "drain": {BARE, QUEUE, HUEY},
    "reopen": {BARE},
    "mixed": set(),
}


def test_everybody_does_every_work_and_nothing_is_left(tmp_path: Path, quick_path: Path) -> None:
    # One run for all of it: it takes a quarter of a minute.
    scratch, report = quick_path / "scratch", tmp_path / "bench.html"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "cachedesk", "bench", "--quick", "--json", "--report", report],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(scratch)},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["not_installed"] == []
    assert [row["work"] for row in found["rows"]] == [
        work.name for work in (*BENCH_WORKLOADS, MIXED)
    ]
    for row in found["rows"]:
        assert set(row["seconds"]) == {OURS, LIMIT} | TAKES_PART[row["work"]]
        assert set(row["ours_over"]) == TAKES_PART[row["work"]]
        took = [each for rounds in row["seconds"].values() for each in rounds]
        assert all(0 < each < math.inf for each in took)
        assert row["reached"] == (round(row["ours_over_limit"], 2) >= row["aim"])
    page = report.read_text()
    assert all(work.title in page for work in (*BENCH_WORKLOADS, MIXED))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["bench.txt", "taken.md", "no/folder.md"])
def test_a_report_that_cannot_be_is_known_at_once(
    cachedesk: Command, tmp_path: Path, name: str
) -> None:
    (tmp_path / "taken.md").write_text("precious")
    done = cachedesk("bench", "--quick", "--report", tmp_path / name)
    assert done.returncode == 2
    assert done.stdout == b""
    assert name.encode() in done.stderr
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "taken.md").read_text() == "precious"
