"""Traffic from a pipe is known before anything is opened, as that of a file is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedesk.core.settings import Settings
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.timetable import Timetable
from cachedesk.lab.load.traffic import TraceTraffic
from cachedesk.lab.run import watch
from cachedesk.lab.run.runs import run_session
from cachedesk.lab.trace import ReadOptions, TraceError, check
from cachedesk.lab.trace.stream import STDIN
from cachedesk.lab.trace.summary import sentences

Piped = Callable[[bytes], None]
PING = b'1.0 [0 127.0.0.1:1] "ping"\n'


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Piped]:
    """Make bytes our standard input, through a pipe."""
    reader, writer = os.pipe()
    with open(reader) as stdin, open(writer, "wb") as said:
        monkeypatch.setattr("sys.stdin", stdin)

        def say(raw: bytes) -> None:
            said.write(raw)
            said.close()

        yield say


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"garbage here\n", "line 1: cannot tell what it is"),
        (b"", "the file is empty"),
        ("op,key,value\nset,a,1\n".encode("utf-16"), "UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff\xfe\n", "cannot tell what it is"),
        (b"op,key,value\n", "no operations"),
        (b"op,key,value\n\nxet,a,1\nset,a,1\n", "line 3: there is no operation 'xet'"),
        (PING * 30, "no operations"),
    ],
    ids=["words", "empty", "UTF-16", "binary", "header", "first row", "no commands"],
)
def test_a_pipe_that_is_no_trace_changes_nothing(
    tmp_path: Path, piped: Piped, raw: bytes, says: str
) -> None:
    piped(raw)
    announced: list[bool] = []
    with pytest.raises(TraceError, match=f"standard input.*{says}"):
        run_session(
            tmp_path / "data",
            Settings(),
            TraceTraffic(check(STDIN)),
            Load(),
            faults=(),
            watch=watch.wait,
            announce=lambda: announced.append(True),
        )
    assert not announced
    assert not any(tmp_path.iterdir())


def test_the_format_of_a_pipe_is_known_before_it_is_read_on(piped: Piped) -> None:
    traffic = TraceTraffic(check(STDIN))
    piped(PING + b'1.1 [0 127.0.0.1:1] "incr" "views:1"\n' * 2)
    traffic.prepare()
    assert traffic.form_line == "standard input is read as redis-monitor"
    assert list(traffic.operations()) == [Operation(Verb.INCR, b"views:1", 1)] * 2
    assert traffic.count is not None
    assert (traffic.count.lines, traffic.title) == (3, "trace from standard input")


def test_a_share_of_writes_is_for_keys_and_is_announced(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"a:1\nb:2\n\nc:3\n")
    traffic = TraceTraffic(check(file, ReadOptions(writes=0.5)))
    assert "judging by its content; 50 % of its lines are increments (--format" in traffic.form_line
    named = TraceTraffic(check(file, ReadOptions("keys", writes=0.25)))
    assert named.form_line == "keys is read as a list of keys; 25 % of its lines are increments"
    assert len(list(named.operations())) == 3
    assert named.count is not None
    assert named.count.blank == 1
    file.write_bytes(b"op,key,value\nset,a,1\n")
    with pytest.raises(TraceError, match="--writes is for a list of keys, but this is read as csv"):
        check(file, ReadOptions(writes=0.5))
    assert len(list(TraceTraffic(check(file)).operations())) == 1


def told(file: Path, raw: bytes, speed: float | None = None) -> list[str]:
    file.write_bytes(raw)
    traffic = TraceTraffic(check(file), speed)
    operations = traffic.operations()
    if isinstance(operations, Timetable):
        operations.begin(0.0)
        operations.due(1e9, 1_000)
    assert list(operations)
    assert traffic.count is not None
    return list(sentences(traffic.count))


def test_what_is_not_as_in_the_source_is_told(tmp_path: Path) -> None:
    line = b'%d.0 [%d 127.0.0.1:1] "set" "a" "1"\n'
    capture = b"".join(line % place for place in ((90, 0), (10, 5), (20, 5), (15, 7), (30, 0)))
    found = told(tmp_path / "capture", capture)
    assert found == [
        "keys of database 5, which begin with db5: here: 2 lines",
        "keys of database 7, which begin with db7: here: 1 line",
    ]
    back = "times before that of the line above, replayed without a pause: 2 lines"
    assert back in told(tmp_path / "capture", capture, 1.0)
    sizes = b"0,a,1,99999999999,1,set,0\n0,b,1,300000000,1,set,0\n0,c,1,67108864,1,set,0\n"
    found = told(tmp_path / "sizes", sizes)
    assert found == ["values over 67,108,864 bytes, cut to that: 2 lines"]


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"op,key,value\nset,a,1\nset,b,12", 3),
        (b"views:1\nviews:2", 2),
        (b"0,a,1,4,1,get,0\n1,b,1,4,1,get,0", 2),
        (b'1.0 [0 x] "get" "a"\n1.1 [0 x] "get" "b"', 2),
        (b"recordcount=10\noperationcount=10", 2),
        (b'["incr","a",1]\n["incr","a",12]', 0),
        (b"op,key,value\nset,a,1\nset,b,12\n", 0),
    ],
    ids=["csv", "keys", "twitter", "redis-monitor", "ycsb", "jsonl", "ended"],
)
def test_a_last_line_that_may_be_cut_is_told(tmp_path: Path, raw: bytes, line: int) -> None:
    said = f"line {line}, the last, has no line break: it was used as it is, but may be truncated"
    assert told(tmp_path / "trace", raw) == ([said] if line else [])


def test_a_file_is_read_again_for_each_run(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_bytes(b"op,key,value\nset,a,1\nset,a,2\n")
    traffic = TraceTraffic(check(file))
    for _ in range(2):
        traffic.prepare()
        assert len(list(traffic.operations())) == 2
    assert len(list(traffic.operations())) == 2
