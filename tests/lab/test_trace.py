"""Traces: what is written is read back, and every malformed line is named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import TraceError, check, read

HEADER = b"op,key,value\n"

# Text that a CSV file can hold; NUL and lone surrogates are refused, and tested below.
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
_keys = _text.filter(lambda text: 0 < len(text.encode()) <= 1024)
_operations = st.one_of(
    st.builds(lambda op, key: Operation(op, key.encode()), st.sampled_from(["get"]), _keys),
    st.builds(lambda key: Operation(Verb.DELETE, key.encode()), _keys),
    st.builds(lambda key, value: Operation(Verb.SET, key.encode(), value.encode()), _keys, _text),
    st.builds(
        lambda key, amount: Operation(Verb.INCR, key.encode(), amount),
        _keys,
        st.integers(-(2**63), 2**63 - 1),
    ),
)
_streams = st.lists(_operations, min_size=1, max_size=20)


def _as_text(value: bytes | int | None) -> str:
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to write traces into."""
    return tmp_path_factory.mktemp("trace") / "t"


@given(operations=_streams, line_break=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
def test_what_csv_holds_is_what_is_read(
    file: Path, operations: list[Operation], line_break: str, bom: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_break, quoting=csv.QUOTE_ALL)
    writer.writerow(["op", "key", "value"])
    for op, key, value, _ in operations:
        writer.writerow([op, key.decode(), _as_text(value)])
    file.write_bytes(out.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert list(read(file)) == operations


@given(operations=_streams, ascii_only=st.booleans())
def test_what_json_lines_hold_is_what_is_read(
    file: Path, operations: list[Operation], ascii_only: bool
) -> None:
    lines = (
        json.dumps(
            [op, key.decode(), value.decode() if isinstance(value, bytes) else value],
            ensure_ascii=ascii_only,
        )
        for op, key, value, _ in operations
    )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    assert list(read(file)) == operations


@given(raw=st.binary(max_size=300), header=st.booleans())
def test_any_bytes_are_read_or_refused_in_one_line(file: Path, raw: bytes, header: bool) -> None:
    file.write_bytes((HEADER if header else b"") + raw)
    said = str(file)
    try:
        check(file)
    except TraceError as error:
        said = str(error)
    assert said.startswith(str(file))
    assert len(said.splitlines()) == 1


def test_a_checked_trace_knows_its_counts_and_can_be_read_twice(file: Path) -> None:
    file.write_bytes(HEADER + b'set,a,"1\n2"\n\nget,a,\nget,b,\n')
    trace = check(file)
    assert trace.operations == 3
    assert trace.verbs == {Verb.SET: 1, Verb.GET: 2}
    assert list(trace) == list(trace) == list(read(file))


def test_json_keys_and_values_may_be_base64_as_dump_writes_them(file: Path) -> None:
    file.write_bytes(b'["set",{"base64":"/w=="},{"base64":"AP8="}]\n["set","k",7]\n["get","k"]\n')
    assert list(read(file)) == [
        Operation(Verb.SET, b"\xff", b"\0\xff"),
        Operation(Verb.SET, b"k", b"7"),
        Operation(Verb.GET, b"k"),
    ]


BAD_LINES = {
    "op": (HEADER + b"get,a,\nGET,a,\n", 3, "did you mean 'get'"),
    "op nobody means": (HEADER + b"zzzz,a,\n", 2, "there are get, set, incr, delete"),
    "missing fields": (HEADER + b"get,a\n", 2, "2 fields instead of 3"),
    "extra fields": (HEADER + b"set,a,b,c\n", 2, "4 fields instead of 3"),
    "get with a value": (HEADER + b"get,a,b\n", 2, "takes no value"),
    "empty key": (HEADER + b"set,,1\n", 2, "the key is empty"),
    "long key": (HEADER + b"set," + b"k" * 1025 + b",1\n", 2, "1,025 bytes"),
    "incr by a fraction": (HEADER + b"incr,a,1.5\n", 2, "not a whole number"),
    "incr by nothing": (HEADER + b"incr,a,\n", 2, "not a whole number"),
    "incr by other digits": (HEADER + "incr,a,\u0661\n".encode(), 2, "not a whole number"),
    "incr over int64": (HEADER + b"incr,a,9223372036854775808\n", 2, "64 bits"),
    "incr below int64": (HEADER + b"incr,a,-9223372036854775809\n", 2, "64 bits"),
    "incr by many digits": (HEADER + b"incr,a," + b"9" * 6000 + b"\n", 2, "64 bits"),
    "not UTF-8": (HEADER + b'set,"a\nb",1\nset,a,\xff\n', 4, "not valid UTF-8 at byte 7"),
    "NUL": (HEADER + b"set,a,\0\n", 2, "NUL"),
    "a wrong row of two lines": (HEADER + b'set,"a\nb",1\nxet,"a\nc",1\n', 4, "'xet'"),
    "quote that never ends": (HEADER + b'set,a,1\nset,"b,1\nset,c,1\n', 3, "never closed"),
    "text after a quote": (HEADER + b'set,"a"b,1\n', 2, "closing quote"),
    "bare carriage return": (HEADER + b"set,a\rb,1\n", 2, "carriage return"),
    "no header": (b"set,a,1\n", 1, "header op,key,value is missing"),
    "another header": (b"op,key\nset,a\n", 1, "header op,key,value is missing"),
    "JSON cut off": (b'["get","a"]\n["set","a"\n', 2, "not valid JSON"),
    "JSON cut off at once": (b'["set","a"', 1, "not valid JSON"),
    "JSON object": (b'["get","a"]\n{"op":"get"}\n', 2, "expected an array"),
    "JSON deep": (b"[" * 100_000, 1, "not a JSON operation"),
    "JSON empty": (b"[]\n", 1, "no operation"),
    "JSON fields": (b'["set","a"]\n', 1, "2 fields instead of 3 for set"),
    "JSON float": (b'["incr","a",1.0]\n', 1, "not a whole number"),
    "JSON bool": (b'["incr","a",true]\n', 1, "not a whole number"),
    "JSON over int64": (b'["incr","a",9223372036854775808]\n', 1, "64 bits"),
    "JSON null": (b'["set","a",null]\n', 1, "not a string"),
    "JSON key": (b'["get",7]\n', 1, "the key is 7"),
    "JSON base64": (b'["get",{"base64":"?"}]\n', 1, "not base64"),
}


@pytest.mark.parametrize(("raw", "line", "says"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_malformed_line_is_named(file: Path, raw: bytes, line: int, says: str) -> None:
    file.write_bytes(raw)
    with pytest.raises(TraceError) as caught:
        check(file)
    assert str(caught.value).startswith(f"{file} line {line}: ")
    assert says in str(caught.value)
    assert len(str(caught.value)) < len(str(file)) + 200


@pytest.mark.parametrize("raw", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_no_trace(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with pytest.raises(TraceError, match="empty"):
        check(file)


def test_a_header_alone_is_no_trace(file: Path) -> None:
    file.write_bytes(HEADER)
    with pytest.raises(TraceError, match="no operations"):
        check(file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", Path("/dev/null"), Path("nul\0l")):
        with pytest.raises(TraceError):
            check(path)
