"""Captures of real servers, one for each version: every line is accounted for, and the end is the
server's own. (``captures/record.py`` made them.)"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import ReadOptions, check
from cachedesk.lab.trace.monitor import Capture, is_reply
from cachedesk.lab.trace.reading import Reading

CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.txt"))

captures = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)


def test_there_are_captures_of_several_servers() -> None:
    assert {path.stem.partition("-")[0] for path in CAPTURES} == {"redis", "valkey"}


@captures
def test_every_line_is_operations_or_a_counted_skip(capture: Path) -> None:
    parse = Capture()
    for line in capture.read_bytes().splitlines(keepends=True):
        found = parse(line)
        assert is_reply(line) != bool(found.operations or found.skipped or found.expiry), line
    reading = Reading(capture)
    assert reading.count.format == "redis-monitor"
    assert sum(1 for _ in reading.operations()) > 100
    count = reading.count
    assert (count.bad, count.before, count.unfinished, count.cut) == (0, 0, None, "")
    assert count.lines == capture.read_bytes().count(b"\n")
    assert count.differing.keys() == {
        "SET NX/XX", "SETNX", "APPEND", "SETRANGE", "RENAME", "SETBIT", "INCRBYFLOAT", "MSETNX",
        "COPY",
    }  # fmt: skip
    assert count.skipped["INCRBY that Redis refused"] == 3
    assert count.expiries.keys() == {"SET", "SETEX", "PSETEX", "EXPIRE", "GETEX"}


@captures
def test_its_end_is_the_state_of_the_server(capture: Path) -> None:
    state = {
        key.encode("latin-1"): value.encode("latin-1")
        for key, value in json.loads(capture.with_suffix(".json").read_text()).items()
    }
    found = folded(check(capture))
    assert {key: found[key] for key in found if not key.startswith(b"db2:")} == state


@captures
def test_a_capture_that_ends_anywhere_lacks_its_last_line_only(
    capture: Path, tmp_path: Path
) -> None:
    raw = capture.read_bytes()
    cut = tmp_path / "cut"
    for size in range(raw.index(b"\n", 4_000), raw.index(b"\n", 4_200), 7):
        cut.write_bytes(raw[:size])
        reading = Reading(cut, ReadOptions())
        assert list(reading.operations())
        whole = raw[:size].count(b"\n")
        assert reading.count.lines == whole + (not raw[:size].endswith(b"\n"))
        assert reading.count.unfinished is None or reading.count.unfinished[0] == whole + 1


def folded(operations: Iterable[Operation]) -> dict[bytes, bytes]:
    """Return what the operations come to; an increment of what is no counter is refused."""
    values: dict[bytes, bytes] = {}
    for op, key, value, _ in operations:
        if op is Verb.SET:
            assert isinstance(value, bytes)
            values[key] = value
        elif op is Verb.INCR:
            assert isinstance(value, int)
            if values.get(key, b"0").lstrip(b"-").isdigit():
                values[key] = b"%d" % (int(values.get(key, b"0")) + value)
        elif op is Verb.DELETE:
            values.pop(key, None)
    return values
