"""Real traffic, replayed by the real command, must end in exactly the known state."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from .conftest import TRACES, Command


@pytest.mark.parametrize(
    ("name", "path"),
    [("wikipedia-edits", "write-behind"), ("redis-file-history", "write-through")],
)
def test_a_real_trace_ends_exactly(
    cachedesk: Command, tmp_path: Path, name: str, path: str
) -> None:
    trace = TRACES / f"{name}.ops.csv"
    if not trace.exists():
        pytest.skip(f"the trace {trace}, which is no part of the project, is not there")
    expected = json.loads((TRACES / f"{name}.expected.json").read_text())
    data = tmp_path / "data"

    done = cachedesk(
        "run", "--trace", trace, "--clients", 8, "--policy", f"*={path}", "--json",
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
