"""A run is sound only if all was done that was asked; and once it began there is a verdict."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from .conftest import Command

pytestmark = pytest.mark.slow

MONITOR = b'%d.0 [0 127.0.0.1:1] "incr" "views:1"\n'
CAPTURE = b"".join(MONITOR % second for second in range(3_000))
CUT = gzip.compress(CAPTURE)[:-40]


def verdict(done: CompletedProcess[bytes]) -> dict[str, Any]:
    found = json.loads(done.stdout)
    books = found["ledger"]
    assert books["accepted"] == books["applied"] + books["pending"] + books["dead"]
    assert found["kept"] is True
    return found  # type: ignore[no-any-return]


def test_a_trace_that_is_cut_off_has_a_verdict_and_is_not_sound(
    cachedesk: Command, tmp_path: Path, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "capture.gz"
    file.write_bytes(CUT)
    monkeypatch.setenv("TMPDIR", str(quick_path))
    done = cachedesk("run", "--trace", file, "--json", "--data", quick_path / "a")
    found = verdict(done)
    assert done.returncode == 2
    assert (found["sound"], found["complete"]) == (False, False)
    assert 0 < found["ledger"]["accepted"] == found["trace"]["lines"] < 3_000
    assert "gzip data ends in the middle, after line" in found["incomplete"][0]
    assert done.stderr.startswith(
        b"cachedesk: incomplete: the trace cannot be decompressed to its end"
    )
    assert done.stderr.count(b"\n") == 1
    done = cachedesk("compare", "--trace", file, "--vary", "batch=10,100", "--ops", "9999999")
    said = done.stdout.decode()
    assert done.returncode == 2
    assert "its gzip data ends in the middle, after line" in said
    assert said.splitlines()[-1].startswith("The comparison is incomplete. Of what was done, ")


@pytest.mark.parametrize("bad", [b"what is this?\n", b"\x89PNG\r\n"])
def test_a_line_that_is_met_too_late_ends_a_run_with_a_verdict(
    quick_path: Path, bad: bytes
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cachedesk", "run", "--trace", "-", "--json", "--data",
         quick_path / "data"],
        input=CAPTURE + bad + CAPTURE, capture_output=True, timeout=600,
    )  # fmt: skip
    found = verdict(done)
    assert done.returncode == 2
    assert (found["sound"], found["ledger"]["accepted"]) == (False, 3_000)
    assert b"standard input line 3001: not a line of MONITOR output" in done.stderr


def test_what_was_left_out_is_said_in_the_verdict(cachedesk: Command, tmp_path: Path) -> None:
    file = tmp_path / "capture"
    lines = (
        '"set" "session:1" "x" "EX" "60"', '"set" "b" "1"', '"append" "session:1" "y"',
        '"rename" "b" "c"', '"hset" "h" "f" "v"', '"incrby" "views:1" "1.5"',
        *(f'"cmd{number}"' for number in range(40)), '"get" "b',
    )  # fmt: skip
    said = "\n".join(f"{number}.0 [0 127.0.0.1:1] {line}" for number, line in enumerate(lines))
    file.write_text(f"Warning: Using a password with '-a' may not be safe.\nOK\n{said}")
    done = cachedesk("run", "--trace", file, "--data", tmp_path / "data")
    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert text.splitlines()[0] == "capture is read as redis-monitor"
    assert "Left out, so the end state differs from the source's: APPEND 1, RENAME 1." in text
    assert "expiries: SET 1; 0 keys expired in the time of the trace" in text
    assert "line 49, the last, is unfinished and was left out" in text
    assert "left out before the first line of the format: 2 lines\n" in text
    assert text.splitlines()[-1].startswith("Sound, for what was replayed: every one of the ")
    dumped = cachedesk("dump", "--data", tmp_path / "data").stdout
    assert dumped == b'["session:1","x"]\n'
    # And what was dumped can be read back.
    file.write_bytes(dumped)
    hint = cachedesk("run", "--trace", file, "--data", tmp_path / "again")
    assert (hint.returncode, b"use --format dump" in hint.stderr) == (2, True)
    cachedesk("run", "--trace", file, "--format", "dump", "--data", tmp_path / "again")
    assert cachedesk("dump", "--data", tmp_path / "again").stdout == dumped


def test_keys_of_strangers_forge_no_line_of_a_report(cachedesk: Command, tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_bytes(
        b'1.0 [0 x] "set" "a\\x1b[31m\\nSound: all is well.\\nb" "v"\n1.0 [0 x] "\\x1b[2J" "k"\n'
        * 2
    )
    done = cachedesk("run", "--trace", file, "--data", tmp_path / "data")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Sound: all is well" not in done.stdout
