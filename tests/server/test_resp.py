"""The protocol: whatever pieces commands come in, they are read; nothing else ever is."""

from __future__ import annotations

import math
from itertools import pairwise

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.server.limits import Limits
from cachedesk.server.replies import NULL_ARRAY, OK, ErrorReply, Reply, Status, encode
from cachedesk.server.resp import CommandParser, ProtocolError, as_integer, split_line

LIMITS = Limits(arguments=100, argument_bytes=1_000, query_bytes=2_000)
words = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def read(parser: CommandParser) -> list[list[bytes]]:
    found = []
    while (command := parser.next()) is not None:
        found.append(command)
    return found


@given(commands=st.lists(words, max_size=8), cuts=st.lists(st.integers(0, 400)))
def test_commands_are_read_whatever_pieces_they_come_in(
    commands: list[list[bytes]], cuts: list[int]
) -> None:
    sent = b"".join(hiredis.pack_command(tuple(command)) for command in commands)
    places = sorted({min(cut, len(sent)) for cut in cuts} | {0, len(sent)})
    parser = CommandParser(LIMITS)
    found = []
    for first, last in pairwise(places):
        parser.feed(sent[first:last])
        found += read(parser)
    assert found == commands
    assert parser.held_bytes == 0


pieces = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"*1\r\n",
                b"$3\r\n",
                b"\r\n",
                b"*-1\r\n",
                b"$-1\r\n",
                b"GET k\r\n",
                b"*2\r\n$1\r\na",
                b"*99999999999999\r\n",
                b"$99999999\r\n",
                b'"\\x4',
                b"*0\r\n",
                b"$1\r\nab",
            ]
        ),
    ),
    max_size=12,
)


@given(sent=pieces)
def test_anything_else_is_a_protocol_error_or_waits(sent: list[bytes]) -> None:
    parser = CommandParser(LIMITS)
    for piece in sent:
        parser.feed(piece)
        try:
            found = read(parser)
        except ProtocolError:
            return
        assert all(command for command in found)
    # What waits is bounded: a line, or one command.
    assert parser.held_bytes <= sum(map(len, sent))


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"*101\r\n", "invalid multibulk length"),
        (b"*9223372036854775808\r\n", "invalid multibulk length"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*" + b"1" * 40, "too big mbulk count string"),
        (b"*1\r\n:5\r\n", "expected '$', got ':'"),
        (b"*1\r\n$1001\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$ 1\r\n", "invalid bulk length"),
        (b"*3\r\n$900\r\n" + b"x" * 900 + b"\r\n$900\r\n" + b"x" * 900 + b"\r\n$900\r\n", "bulk"),
        (b"GET" + b"x" * 70_000, "too big inline request"),
        (b'GET "a\r\n', "unbalanced quotes in request"),
        (b"GET 'a'b\r\n", "unbalanced quotes in request"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_at_its_header(sent: bytes, says: str) -> None:
    parser = CommandParser(LIMITS)
    parser.feed(sent)
    with pytest.raises(ProtocolError, match=says.replace("$", r"\$")):
        read(parser)


@pytest.mark.parametrize("sent", [b"*11\r\n", b"*2\r\n$4\r\nAUTH\r\n$20000\r\n"])
def test_a_stranger_may_send_less(sent: bytes) -> None:
    parser = CommandParser(Limits(), trusted=False)
    parser.feed(sent)
    with pytest.raises(ProtocolError, match="unauthenticated"):
        read(parser)
    parser = CommandParser(Limits(), trusted=True)
    parser.feed(sent)
    assert read(parser) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"SET k v\r", [b"SET", b"k", b"v"]),
        (b"  SET  \"a b\" 'c d' ", [b"SET", b"a b", b"c d"]),
        (rb'ECHO "\x41\n\"\\"', [b"ECHO", b'A\n"\\']),
        (rb"ECHO 'it\'s \n'", [b"ECHO", rb"it's \n"]),
        (b'ECHO ""', [b"ECHO", b""]),
        (b"   ", []),
    ],
)
def test_a_line_that_was_typed(line: bytes, expected: list[bytes]) -> None:
    assert split_line(line) == expected


@given(number=st.integers(-(2**63), 2**63 - 1))
def test_every_integer_is_read(number: int) -> None:
    assert as_integer(b"%d" % number) == number


@pytest.mark.parametrize(
    "text", [b"", b"-", b"+1", b" 1", b"01", b"-0", b"1.0", b"9223372036854775808", b"\xb2"]
)
def test_only_the_form_that_redis_takes(text: bytes) -> None:
    assert as_integer(text) is None


replies = st.recursive(
    st.one_of(
        st.none(),
        st.binary(max_size=30),
        st.integers(-(2**63), 2**63 - 1),
        st.text("abc", max_size=5).map(Status),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=12,
)


def as_read(reply: Reply, version: int) -> object:
    """Return what a client makes of it."""
    match reply:
        case Status(text=text):
            return text.encode()
        case str():
            return reply.encode()
        case dict() if version == 3:
            return {as_read(key, 3): as_read(value, 3) for key, value in reply.items()}
        case dict():
            return [as_read(each, 2) for pair in reply.items() for each in pair]
        case list():
            return [as_read(each, version) for each in reply]
    return reply


@pytest.mark.parametrize("version", [2, 3])
@given(reply=replies)
def test_a_reply_is_read_back(version: int, reply: Reply) -> None:
    reader = hiredis.Reader()
    reader.feed(encode(reply, version))
    assert reader.gets() == as_read(reply, version)
    assert not reader.has_data()


def test_the_other_replies() -> None:
    assert encode(OK, 2) == b"+OK\r\n"
    assert encode(NULL_ARRAY, 2) == b"*-1\r\n"
    assert encode(NULL_ARRAY, 3) == b"_\r\n"
    assert encode(ErrorReply("ERR a\r\nb"), 2) == b"-ERR a  b\r\n"
    assert encode(0.5, 3) == b",0.5\r\n"
    assert encode(0.5, 2) == b"$3\r\n0.5\r\n"
    assert encode(math.inf, 3) == b",inf\r\n"
