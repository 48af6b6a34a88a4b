"""What a trace is: found from many lines, or named as unknown, and never guessed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from pathlib import Path

import pytest

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import ReadOptions, TraceError, check
from cachedesk.lab.trace.reading import Reading
from cachedesk.lab.trace.stream import LINE_BYTES

MONITOR = b'1.0 [0 127.0.0.1:1] "incr" "views:1"\n'
ACCESS = b'127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 23 "-" "curl"\n'
TWITTER = b"0,q:1,3,5,4,get,0\n"
NATIVE = b"op,key,value\nincr,a,1\n"
JSON = b'["incr","a",1]\n'
LINES = {"redis-monitor": MONITOR, "access-log": ACCESS, "twitter": TWITTER}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def refused(file: Path, raw: bytes, ways: ReadOptions | None = None) -> str:
    file.write_bytes(raw)
    with pytest.raises(TraceError) as caught:
        check(file, ways or ReadOptions())
    said = str(caught.value)
    assert said.startswith(str(file))
    assert len(said.splitlines()) == 1
    assert len(said) < len(str(file)) + 300
    return said


NO_KEYS = {
    "semicolons": (b"op;key;value\nincr;views:a;1\n", "with commas, not with ';'"),
    "quoted semicolons": (b'"op";"key";"value"\n"incr";"views:a";1\n', "with commas, not with ';'"),
    "tabs": (b"op\tkey\tvalue\nincr\tviews:a\t1\n", "with commas, not with"),
    "bars": (b"op|key|value\nincr|views:a|1\n", "with commas, not with '|'"),
    "commas and blanks": (b"op, key, value\nincr, a, 1\n", "with commas, not with ', '"),
    "capitals": (b"OP,KEY,VALUE\nincr,a,1\n", "the header is op,key,value, not"),
    "rows without a header": (b"incr;a;1\nincr;b;1\n", "the header op,key,value is missing"),
    "a log in brackets": (
        b'[10/Oct/2023:13:55:36 +0000] - 200 200 - GET https ex.org "/a" [Length 3]\n' * 3,
        "cannot tell what it is",
    ),
    "an error log": (b"[error] 12#0: open() failed\n[warn] x\n", "cannot tell what it is"),
    "ISO times": (b"2024-01-01T00:00:00Z GET /a 200\n" * 3, "cannot tell what it is"),
    "objects of a server": (b'{"ts":1,"request":{"uri":"/a"}}\n' * 3, "cannot tell what it is"),
    "one word": (b"hello\n", "cannot tell what it is"),
    "semicolons alone": (b"a;b\nc;d\n", "cannot tell what it is"),
    "settings": (b"a=1\nb=2\n", "cannot tell what it is"),
    "tags": (b"{user:1}:cart\n{user:2}:cart\n", "cannot tell what it is"),
    "keys and one that is none": (b"k1\nk2\nk 3\n", "cannot tell what it is"),
    "control characters": (b"a\x01b\nc\x02d\n", "cannot tell what it is"),
    "Latin-1": (b"caf\xe9\nna\xefve\n", "cannot tell what it is"),
}


@pytest.mark.parametrize(("raw", "says"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_unknown_is_named_and_never_read_as_keys(file: Path, raw: bytes, says: str) -> None:
    assert says in refused(file, raw)


@pytest.mark.parametrize(
    "keys",
    [b"{user:1}:cart\n/a?x=1\n", b"only:one\n", b"a;b\n", b'say "x"\n', b"a b\n", b"a,b\n[c]\n"],
)
def test_any_keys_are_keys_when_they_are_named_so(file: Path, keys: bytes) -> None:
    file.write_bytes(keys)
    trace = check(file, ReadOptions(format="keys"))
    assert [operation.key for operation in trace] == keys.split(b"\n")[:-1]
    assert trace.sure


def test_a_capture_that_ends_before_its_first_command_is_not_a_list_of_keys(file: Path) -> None:
    capture = b'OK\n1795816801.000001 [0 127.0.0.1:60866] "set" "a" "1"\n'
    for end in range(2, capture.index(b'"')):
        assert "ends before a command" in refused(file, capture[:end]), capture[:end]


def test_a_line_that_no_format_has_is_not_called_empty(file: Path) -> None:
    assert "its first line is over 16,777,216 bytes long" in refused(file, b"a" * (LINE_BYTES + 1))


def test_keys_that_can_be_nothing_else_are_seen_and_said_to_be_a_guess(file: Path) -> None:
    file.write_bytes("views:1\nuser/2@ex.org\ncaf\u00e9\n7\n".encode())
    trace = check(file)
    assert (trace.format, trace.sure, trace.operations) == ("keys", False, 4)


JUNK = {
    "a warning": b"Warning: Using a password with '-a' may not be safe.\n",
    "a prompt": b"127.0.0.1:6380> monitor\n",
    "half a line": b'0.1:1] "get" "a"\n',
    "a comment": b"# log file created\n\n",
    "NULs": b"\0" * 200,
    "NULs and a break": b"\0" * 200 + b"\n",
    "many lines": b"what?\n" * 7,
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("form", ["", "named"])
def test_junk_before_the_first_line_is_left_out_and_counted(
    file: Path, name: str, junk: bytes, form: str
) -> None:
    file.write_bytes(junk + LINES[name] * 3)
    reading = Reading(file, ReadOptions(format=name if form else ""))
    assert reading.count.format == name
    assert len(list(reading.operations())) == {"access-log": 6}.get(name, 3)
    count = reading.count
    told = count.before + count.skipped.total()
    assert told == sum(bool(line.strip(b"\0")) for line in junk.split(b"\n"))
    assert (count.bad, count.lines) == (0, junk.count(b"\n") + 3)


def test_one_command_under_a_warning_is_a_capture(file: Path) -> None:
    file.write_bytes(JUNK["a warning"] + b"OK\n" + MONITOR)
    assert check(file).operations == 1


def test_what_stands_before_a_header_is_a_malformed_line(file: Path) -> None:
    assert "line 1: found before the header" in refused(file, b"# made by hand\n" + NATIVE)
    reading = Reading(file, ReadOptions(skip_bad=True))
    assert len(list(reading.operations())) == 1
    assert (reading.count.bad, reading.count.examples[0][0]) == (1, 1)


def test_two_lines_among_junk_must_agree(file: Path) -> None:
    assert "cannot tell" in refused(file, b"what?\nis this?\nno.\n" + MONITOR + ACCESS)


FOREIGN = {
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x58", "zstd -dc FILE | cachedesk run --trace -"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40", "lz4 -dc"),
    "zip": (b"PK\x03\x04\x14\0\0\0", "unzip -p"),
    "tar": (b"a.log".ljust(257, b"\0") + b"ustar\x0000", "tar -xOf"),
    "UTF-16 of PowerShell": ("\ufeffOK\r\n".encode("utf-16-le"), "UTF-16 text"),
    "UTF-16, the other way": ("\ufeffOK\r\n".encode("utf-16-be"), "UTF-16 text"),
    "UTF-16 without a mark": ("op,key,value\r\n".encode("utf-16-le"), "iconv -f UTF-16"),
    "UTF-32": ("\ufeffOK".encode("utf-32-le"), "UTF-32 text"),
    "a snapshot of Redis": (b"REDIS0009\xfa\tredis-ver", "snapshot of Redis (RDB)"),
    "an append-only file": (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "append-only file"),
    "a database": (b"SQLite format 3\0\x10", "SQLite database"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize(("raw", "says"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_text_is_named_with_what_to_do(file: Path, raw: bytes, says: str, pack) -> None:
    assert says in refused(file, pack(raw))


@pytest.mark.parametrize(
    "packed",
    [
        bz2.compress(NATIVE),
        gzip.compress(gzip.compress(NATIVE)),
        lzma.compress(bz2.compress(NATIVE)),
        lzma.compress(NATIVE, format=lzma.FORMAT_ALONE),
        gzip.compress(b"op,key,value\n") + gzip.compress(b"incr,a,1\n"),
    ],
    ids=["bz2", "gz twice", "xz of bz2", "lzma", "two members"],
)
def test_what_is_packed_is_unpacked(file: Path, packed: bytes) -> None:
    file.write_bytes(packed)
    assert [operation.key for operation in check(file)] == [b"a"]


def test_what_is_packed_without_end_is_refused(file: Path) -> None:
    raw = NATIVE
    for _ in range(6):
        raw = gzip.compress(raw)
    assert "compressed more than" in refused(file, raw)


@pytest.mark.parametrize("line", [*LINES.values(), JSON], ids=[*LINES, "jsonl"])
def test_the_unfinished_last_line_is_left_out_and_told(file: Path, line: bytes) -> None:
    file.write_bytes(line * 2 + line[: len(line) // 2])
    trace = check(file)
    assert trace.operations == (4 if line is ACCESS else 2)
    reading = trace.reading()
    list(reading.operations())
    assert reading.count.unfinished is not None
    assert reading.count.unfinished[0] == 3
    # With a break it is not unfinished, but wrong.
    assert "line 3: " in refused(file, line * 2 + line[: len(line) // 2] + b"\n")


def test_the_unfinished_last_row_is_left_out_but_not_all_behind_a_quote(file: Path) -> None:
    file.write_bytes(NATIVE + b'set,"b')
    assert check(file).operations == 1
    assert "line 3: a quoted field begins here" in refused(
        file, NATIVE + b'set,"b,1\nset,c,1\nset,d,1'
    )


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, lambda raw: bz2.compress(raw, 1), lzma.compress],
    ids=["gz", "bz2", "xz"],
)
def test_what_is_cut_is_read_as_far_as_it_goes(file: Path, pack) -> None:
    packed = pack(b"".join(b'["incr","k:%d",%d]\n' % (n % 997, n * n) for n in range(60_000)))
    file.write_bytes(packed[: len(packed) // 2])
    reading = Reading(file)
    found = len(list(reading.operations()))
    assert 0 < found < 60_000
    assert "data ends in the middle" in reading.count.cut
    assert reading.count.unfinished is None


def test_no_whole_line_before_the_cut_is_lost(file: Path) -> None:
    raw = b"".join(b'["incr","k:%d",1]\n' % number for number in range(700))
    packed = gzip.compress(raw)
    file.write_bytes(packed[: len(packed) * 3 // 4])
    whole = zlib.decompressobj(wbits=31).decompress(packed[: len(packed) * 3 // 4])
    assert len(list(Reading(file).operations())) == whole.count(b"\n") > 100


def test_operations_may_be_objects_and_a_dump_is_read_by_its_name(file: Path) -> None:
    file.write_bytes(b'{"op":"incr","key":"a","value":2}\n{"key":"b","op":"get"}\n')
    assert [operation[:2] for operation in check(file)] == [(Verb.INCR, b"a"), (Verb.GET, b"b")]
    dump = b'["order:17","paid"]\n["x",{"base64":"/w=="}]\n'
    assert "use --format dump" in refused(file, dump)
    assert list(check(file, ReadOptions(format="dump"))) == [
        Operation(Verb.SET, b"order:17", b"paid"),
        Operation(Verb.SET, b"x", b"\xff"),
    ]


def test_a_line_costs_memory_in_proportion_to_its_length(file: Path) -> None:
    nested = b'["set","a",[' + b"{}," * 400_000 + b"{}]]\n"
    assert "line 1: not a JSON operation" in refused(file, nested)
    long = b'["set","a","' + b"x" * LINE_BYTES + b'"]\n'
    assert "line 2: longer than" in refused(file, JSON + long)
    file.write_bytes(MONITOR * 2 + b'1.0 [0 x] "set" "a" "' + b"x" * LINE_BYTES + b'"\n' + MONITOR)
    reading = Reading(file)
    assert len(list(reading.operations())) == 3
    assert reading.count.differing == {"(a line that is too long)": 1}


@pytest.mark.parametrize("blank", [b"\n", b" \r\n", b"\t\n"])
def test_any_number_of_blank_lines_is_gone_through_once(file: Path, blank: bytes) -> None:
    assert "blank" in refused(file, blank * 300_000)
    file.write_bytes(blank * 3_000 + NATIVE)
    assert check(file).operations == 1
    file.write_bytes(blank * 30 + MONITOR)
    assert check(file).format == "redis-monitor"
