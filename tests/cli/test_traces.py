"""Real traffic, replayed by the real command, must end in exactly the known state."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .conftest import TRACES, Command


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: what is tested here is not the disk's speed."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="cachedesk-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("wikipedia-edits", "*=write-behind"),
        # Half of it write-through, as no pattern matches file:*.
        ("redis-file-history", "touches:*=write-behind"),
    ],
)
def test_a_real_trace_ends_exactly(
    cachedesk: Command, name: str, policy: str, quick_path: Path
) -> None:
    trace = TRACES / f"{name}.ops.csv"
    if not trace.exists():
        pytest.skip(f"the trace {trace}, which is no part of the project, is not there")
    expected = json.loads((TRACES / f"{name}.expected.json").read_text())
    data = quick_path / "data"

    done = cachedesk(
        "run", "--trace", trace, "--clients", 8, "--policy", policy, "--json",
        "--data", data,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ops = {op: count for op, count in found["ops"].items() if count}
    assert ops == expected["ops"]
    writes = sum(count for op, count in ops.items() if op != "get")
    assert found["ledger"]["accepted"] == found["ledger"]["applied"] == writes
    assert found["reads"]["stale"] == found["reads"]["unavailable"] == 0

    dumped = cachedesk("dump", "--data", data)
    assert dumped.returncode == 0
    pairs = [json.loads(line) for line in dumped.stdout.splitlines()]
    state = hashlib.sha256()
    for key, value in pairs:
        state.update(f"{key}\t{value}\n".encode())
    assert len(pairs) == expected["final_keys"]
    assert state.hexdigest() == expected["final_sha256"]
    for kind in ("edits", "bytes"):
        total = sum(int(value) for key, value in pairs if key.startswith(f"{kind}:"))
        assert total == expected.get(f"sum_{kind}", 0)
