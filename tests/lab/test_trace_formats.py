"""Other people's traces: each format says what it is by its content, and comes to what it means."""

from __future__ import annotations

import gzip
import lzma
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.settings import RedisSettings
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.load.skew import Latest, Uniform, Zipfian
from cachedesk.lab.load.timetable import Timetable
from cachedesk.lab.trace import ReadOptions, TraceError, check, read
from cachedesk.lab.trace.monitor import parse as parse_monitor
from cachedesk.lab.trace.reading import Reading
from cachedesk.lab.trace.record import Malformed, TraceRecord, add, delete, get, put
from cachedesk.stores.redis.connection import RedisConnection
from cachedesk.stores.redis.server_process import RedisServer

MONITOR = b"""OK
1339518083.107412 [0 127.0.0.1:60866] "incr" "views:1"
1339518084.107412 [2 [::1]:60866] "SET" "caf\\xc3\\xa9 \\"x\\"" "a\\n\\\\b\\x00" "EX" "10"
1339518085.107412 [0 lua] "DECRBY" "views:1" "3"
1339518086.107412 [0 unix:/tmp/s] "MSET" "a" "1" "b" "2"
1339518086.107413 [0 unix:/tmp/s] "GETSET" "a" "9"
1339518086.207412 [0 unix:/tmp/s] "SET" "lock" "1" "NX"
1339518086.307412 [0 unix:/tmp/s] "HGETALL" "h"
1339518087.107412 [0 unix:/tmp/s] "UNLINK" "a" "b"
"""
TWITTER = b"""0,q:q:1:8WTfjZU14ee,17,213,4,get,0
1,yDqF:3q:1AJrrJ1nnCJKKrnGx1A,27,5,5,add,86400
1,counter,7,4,5,incr,0
2,appended,8,4,5,append,0
3,yDqF:3q:1AJrrJ1nnCJKKrnGx1A,27,0,5,delete,0
"""
ACCESS = (
    b'127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?x=1 HTTP/1.0" 200 2326'
    b' "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"\n'
    b'::1 - - [10/Oct/2000:20:55:38 +0000] "HEAD /b HTTP/1.1" 304 -\n'
)
KEYS = b"k1\nk2\n\nk1\n"
YCSB = (
    b"# one\nrecordcount=3\noperationcount=2\nreadproportion=1\nupdateproportion=0\nfieldcount=1\n"
)

TRACES: dict[str, tuple[bytes, list[Operation]]] = {
    "redis-monitor": (
        MONITOR,
        [
            add(b"views:1", 1),
            put('db2:caf\u00e9 "x"'.encode(), b"a\n\\b\0"),
            add(b"views:1", -3),
            put(b"a", b"1"),
            put(b"b", b"2"),
            get(b"a"),
            put(b"a", b"9"),
            delete(b"a"),
            delete(b"b"),
        ],
    ),
    "twitter": (
        TWITTER,
        [
            get(b"q:q:1:8WTfjZU14ee"),
            put(b"yDqF:3q:1AJrrJ1nnCJKKrnGx1A", b"0e1cb"),
            add(b"counter", 1),
            delete(b"yDqF:3q:1AJrrJ1nnCJKKrnGx1A"),
        ],
    ),
    "access-log": (
        ACCESS,
        [add(b"views:/a.gif", 1), add(b"analytics:bytes:/a.gif", 2326), add(b"views:/b", 1)],
    ),
    "keys": (KEYS, [get(b"k1"), get(b"k2"), get(b"k1")]),
    "csv": (b"op,key,value\nincr,a,2\n", [add(b"a", 2)]),
    "jsonl": (b'["get","a"]\n', [get(b"a")]),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gz", "xz"])
@pytest.mark.parametrize("name", TRACES)
def test_a_format_is_known_by_its_content(file: Path, name: str, pack) -> None:
    raw, operations = TRACES[name]
    file.write_bytes(pack(raw))
    reading = Reading(file)
    assert reading.count.format == name
    found = list(reading.operations())
    # The expiry is tested in test_trace_expiry.py.
    found = [operation._replace(ttl=None) for operation in found]
    if name == "twitter":
        # Its value is made up, of the size that the trace says.
        assert len(found[1].value) == 5  # type: ignore[arg-type]
        found[1], operations = found[1]._replace(value=None), list(operations)
        operations[1] = operations[1]._replace(value=None)
    assert found == operations
    assert reading.share == 1.0
    assert list(read(file, ReadOptions(format=name))) == list(read(file))


def test_what_has_no_meaning_is_counted_by_its_name(file: Path) -> None:
    file.write_bytes(MONITOR)
    reading = Reading(file)
    list(reading.operations())
    assert reading.count.skipped == {"SET NX/XX": 1, "HGETALL": 1}
    assert reading.count.lines == 9


@pytest.mark.parametrize("name", ["redis-monitor", "twitter", "access-log"])
def test_a_malformed_line_is_named_or_counted(file: Path, name: str) -> None:
    raw, operations = TRACES[name]
    file.write_bytes(raw + b"what is this?\n" + raw)
    with pytest.raises(TraceError, match=f"line {raw.count(10) + 1}: "):
        check(file)
    skipping = Reading(file, ReadOptions(skip_bad=True))
    assert len(list(skipping.operations())) == 2 * len(operations)
    assert skipping.count.bad == 1
    assert skipping.count.examples[0][0] == raw.count(10) + 1


def test_bad_rows_of_a_table_are_skipped_and_the_rest_is_read(file: Path) -> None:
    file.write_bytes(b'op,key,value\nset,a,1\nxet,a,1\nset,b,\xff\nset,"c"x,1\nset,d,1\n')
    skipping = Reading(file, ReadOptions(skip_bad=True))
    assert [operation.key for operation in skipping.operations()] == [b"a", b"d"]
    assert [line for line, _ in skipping.count.examples] == [3, 4, 5]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"a b\nc d\n", "cannot tell what it is"),
        (b"\x89PNG\r\n\x1a\n\0\0", "cannot tell what it is"),
        (gzip.compress(b"k1\n" * 9_000, mtime=0)[:60], "cannot be decompressed"),
    ],
    ids=["words", "picture", "cut off"],
)
def test_what_nobody_can_read_says_so(file: Path, raw: bytes, says: str) -> None:
    file.write_bytes(raw)
    with pytest.raises(TraceError, match=says):
        list(check(file))


GOOD = b"".join(b"set,k%d,1\n" % number for number in range(50))


@pytest.mark.parametrize(
    ("rows", "bad"),
    [
        (b'set,"b,2\n' + GOOD, [3]),
        (b'set,"b,2\n' + GOOD + b'set,k,"3"\n', [3]),
        (b'set,b,"2\n' + GOOD + b"set,k,\xff\n" + GOOD, [3, 54]),
        (b'set,b,"2\n' + GOOD + b'set,c"d,"3"\n' + GOOD, [3]),
        (b'set,"b,2\n' * 3 + GOOD, [3, 4, 5]),
        (b'set,"b,2\n' + GOOD + b'set,"b,2\n' + GOOD, [3, 54]),
        (b'xet,b,"2\n' + b"x\n" * 8 + b'3"\n' + GOOD, [3] * 10),
    ],
    ids=["never ends", "ends late", "not text", "in a field", "each line", "twice", "a whole row"],
)
def test_a_stray_quote_costs_its_own_line_only(file: Path, rows: bytes, bad: list[int]) -> None:
    file.write_bytes(b"op,key,value\nset,a,1\n" + rows)
    skipping = Reading(file, ReadOptions(skip_bad=True))
    found = [operation.key for operation in skipping.operations()]
    count = skipping.count
    assert count.bad == len(bad)
    assert [line for line, _ in count.examples] == [*dict.fromkeys(bad)]
    assert found[:3] == [b"a", b"k0", b"k1"]
    # The header is a line too, and no line is without an account.
    assert 1 + len(found) + count.bad == count.lines == (b"op\n\n" + rows).count(b"\n")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"op,key,value\nset,a,1\n", "line 1 is not a property such as recordcount=1000"),
        (b"recordcount=5\nset,a,1\n", "line 2 is not a property"),
        (b"threadcount=5\n", "none of the properties of a workload"),
        (b"# nothing\n", "none of the properties of a workload"),
        (b"fieldcount=1000\nfieldlength=1000000\n", "over 67,108,864 bytes"),
    ],
    ids=["csv", "a line", "others", "none", "too big"],
)
def test_no_workload_is_made_up_of_what_describes_none(file: Path, raw: bytes, says: str) -> None:
    file.write_bytes(raw)
    with pytest.raises(TraceError, match=says):
        check(file, ReadOptions("ycsb"))


def test_a_share_of_keys_becomes_increments_by_seed(file: Path) -> None:
    file.write_bytes(b"".join(b"k%d\n" % number for number in range(2_000)))
    some = list(read(file, ReadOptions(writes=0.25, seed=3)))
    assert some == list(read(file, ReadOptions(writes=0.25, seed=3)))
    assert some != list(read(file, ReadOptions(writes=0.25, seed=4)))
    assert 400 < sum(operation.op is Verb.INCR for operation in some) < 600


def test_a_workload_of_ycsb_inserts_first(file: Path) -> None:
    file.write_bytes(YCSB)
    operations = list(read(file))
    assert [operation.op for operation in operations] == [Verb.SET] * 3 + [Verb.GET] * 2
    assert operations[0].key == b"user0"
    assert len(operations[0].value) == 100  # type: ignore[arg-type]
    file.write_bytes(YCSB + b"requestdistribution=odd\n")
    with pytest.raises(TraceError, match="requestdistribution is 'odd'"):
        list(read(file))


@pytest.mark.parametrize("kind", [Uniform, Zipfian, Latest])
def test_draws_are_in_range_and_skewed_as_they_say(kind) -> None:
    chance, draws = random.Random(1), kind(1_000)
    found = [draws.draw(chance, 1_000) for _ in range(20_000)]
    assert 0 <= min(found) <= max(found) < 1_000
    most = max(found.count(number) for number in set(found))
    assert (most < 100) == (kind is Uniform)
    if kind is Latest:
        assert found.count(999) == most


def test_operations_are_due_when_their_trace_says() -> None:
    records = iter([TraceRecord((get(b"a"),), 100.0), TraceRecord((get(b"b"), get(b"c")), 101.0)])
    table = Timetable(records, speed=2.0)
    table.begin(50.0)
    assert table.due(50.0, 10) == 1
    assert next(table).key == b"a"
    assert table.next_at() == 50.5
    assert table.due(50.4, 10) == 0
    assert table.due(50.5, 10) == 10
    assert [operation.key for operation in table] == [b"b", b"c"]


def test_a_pause_of_a_day_is_cut_to_a_minute_and_a_clock_that_was_set_back_is_no_hurry() -> None:
    times = (100.0, 101.0, 86_501.0, 86_502.0, 50.0, 51.0)
    table = Timetable(iter([TraceRecord((get(b"a"),), at) for at in times]), speed=1.0)
    table.begin(0.0)
    due = []
    for _ in times:
        due.append(table.next_at())
        assert table.due(due[-1], 1) == 1
        next(table)
    assert due == [0.0, 1.0, 61.0, 62.0, 62.0, 63.0]
    assert table.pauses == 1


def _quoted(argument: bytes) -> bytes:
    """Quote as Redis does (sdscatrepr)."""
    plain = {10: rb"\n", 13: rb"\r", 9: rb"\t", 7: rb"\a", 8: rb"\b", 92: rb"\\", 34: rb"\""}
    return b'"%s"' % b"".join(
        plain.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte)
        for byte in argument
    )


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60))
def test_whatever_bytes_a_client_sent_are_read(key: bytes, value: bytes) -> None:
    line = b'1.5 [0 127.0.0.1:1] "set" %s %s\n' % (_quoted(key), _quoted(value))
    assert parse_monitor(line) == TraceRecord((put(key, value),), 1.5)


@given(st.binary(max_size=80))
def test_no_line_is_too_odd_to_be_refused(line: bytes) -> None:
    # Any other exception fails the test.
    with suppress(Malformed):
        parse_monitor(line)


def test_a_capture_of_a_real_redis_ends_in_its_own_state(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    server = RedisServer(tmp_path / "data", RedisSettings())
    server.start()
    try:
        deadline = time.monotonic() + 60
        while not _answers(server.socket_path):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        connection = RedisConnection(server.socket_path, 5.0)
        captured = _captured(server.socket_path, connection)
        state = {key: connection.call(b"GET", key) for key in connection.call(b"KEYS", b"*")}  # type: ignore
        connection.close()
    finally:
        server.close()
    file = tmp_path / "capture"
    file.write_bytes(captured)
    values: dict[bytes, bytes] = {}
    for op, key, value, _ in read(file):
        if op is Verb.SET:
            values[key] = value  # type: ignore[assignment]
        elif op is Verb.INCR:
            values[key] = b"%d" % (int(values.get(key, b"0")) + int(value or 0))
        elif op is Verb.DELETE:
            values.pop(key, None)
    assert values == state


def _answers(path: str) -> bool:
    try:
        RedisConnection(path, 1.0).close()
    except Exception:  # noqa: BLE001 - it is not there yet
        return False
    return True


def _captured(path: str, connection: RedisConnection) -> bytes:
    """Return what MONITOR says of some commands, as redis-cli prints it."""
    watcher = RedisConnection(path, 5.0)
    socket = watcher._socket
    socket.sendall(b"MONITOR\r\n")
    raw = bytearray(socket.recv(5))

    def watch() -> None:
        while b'"end"' not in raw:
            raw.extend(socket.recv(65_536))

    task = threading.Thread(target=watch)
    task.start()
    chance = random.Random(7)
    for number in range(300):
        key = b"k:%d" % chance.randint(1, 20)
        commands: list[tuple[bytes | int, ...]] = [
            (b"SET", key, bytes(chance.getrandbits(8) for _ in range(12))),
            (b"DEL", key, b"other"),
            (b"INCRBY", b"n:%d" % (number % 7), chance.randint(-5, 90)),
            (b"DECR", b"n:1"),
            (b"MSET", key, b"1", b"k:2", b'\xff\0"'),
            (b"SETEX", key, 1000, b"x y"),
            (b"GETSET", b"n:2", b"%d" % number),
            (b"EVAL", b"return redis.call('incr',KEYS[1])", 1, b"n:3"),
            (b"GET", key),
        ]
        connection.call(*chance.choice(commands))
    connection.call(b"ECHO", b"end")
    task.join(60)
    assert not task.is_alive()
    watcher.close()
    return b"".join(line[1:] + b"\n" for line in bytes(raw).split(b"\r\n") if line)
