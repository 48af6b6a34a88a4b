"""Traffic from a pipe is known before anything is opened, as that of a file is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachedesk.engine.settings import Settings
from cachedesk.lab import watch
from cachedesk.lab.driver import Load
from cachedesk.lab.operations import Operation, Verb
from cachedesk.lab.runs import run_session
from cachedesk.lab.trace import TraceError, Ways, check
from cachedesk.lab.trace.stream import STDIN
from cachedesk.lab.traffic import TraceTraffic

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
        (b"", "it is empty"),
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
    traffic = TraceTraffic(check(file, Ways(writes=0.5)))
    assert "by its looks, so 50 % of its lines are increments (--format" in traffic.form_line
    named = TraceTraffic(check(file, Ways("keys", writes=0.25)))
    assert named.form_line == "keys is read as a list of keys; 25 % of its lines are increments"
    assert len(list(named.operations())) == 3
    assert named.count is not None
    assert named.count.blank == 1
    file.write_bytes(b"op,key,value\nset,a,1\n")
    with pytest.raises(TraceError, match="--writes is for a list of keys, and this is read as csv"):
        check(file, Ways(writes=0.5))
    assert len(list(TraceTraffic(check(file)).operations())) == 1


def test_a_file_is_read_again_for_each_run(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_bytes(b"op,key,value\nset,a,1\nset,a,2\n")
    traffic = TraceTraffic(check(file))
    for _ in range(2):
        traffic.prepare()
        assert len(list(traffic.operations())) == 2
    assert len(list(traffic.operations())) == 2
