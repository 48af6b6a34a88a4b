"""Codecs: what is written comes back, what is stored says what it is, and never pickle."""

from __future__ import annotations

import datetime
import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import cachedesk
from cachedesk import CodecError, ConfigError, JsonCodec, MsgpackCodec, Settings, testing
from cachedesk.cli.main import cli
from cachedesk.core.codec_table import CodecTable, as_codec
from cachedesk.core.codecs import BYTES, MSGPACK, ZLIB, Codec, loaded, readable, stored
from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN, MAX_VALUE_BYTES
from cachedesk.engine.cache_layer import CacheLayer

from .scenarios import BEHIND, PATIENT, THROUGH

BUILT_IN: tuple[Codec, ...] = (
    JsonCodec(),
    MsgpackCodec(),
    JsonCodec(compress_bytes=1),
    MsgpackCodec(compress_bytes=1),
)
each_codec = pytest.mark.parametrize(
    "codec", BUILT_IN, ids=["json", "msgpack", "json,z", "msgpack,z"]
)

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(COUNTER_MIN, COUNTER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda its: st.lists(its, max_size=4) | st.dictionaries(st.text(), its, max_size=4),
    max_leaves=8,
)


@dataclass
class Person:
    name: str
    born: datetime.date


class Account(msgspec.Struct):
    id: int
    owner: str


class Invoice(pydantic.BaseModel):
    number: uuid.UUID
    lines: list[int]


@dataclass
class Book:
    invoices: list[Invoice]


class Reversed:
    """A codec of a user."""

    name = "reversed"

    def encode(self, value: Any) -> bytes:
        return str(value)[::-1].encode()

    def decode(self, data: bytes) -> Any:
        return data.decode()[::-1]


@each_codec
@given(value=PLAIN)
def test_what_is_stored_is_loaded(codec: Codec, value: object) -> None:
    data = stored(codec, b"k", value)
    found = loaded(codec, b"k", data)
    assert found == value
    assert type(found) is type(value)
    if type(value) is int:
        assert data == b"%d" % value, "a counter stays one"


@each_codec
@given(value=st.binary())
def test_bytes_stay_bytes(codec: Codec, value: bytes) -> None:
    assert loaded(codec, b"k", stored(codec, b"k", value)) == value


OBJECTS = (
    Person("Ann", datetime.date(1990, 5, 1)),
    Account(1, "Ann"),
    Invoice(number=uuid.UUID(int=7), lines=[1, 2]),
    Book([Invoice(number=uuid.UUID(int=7), lines=[])]),
    [Account(1, "Ann"), Account(2, "Bob")],
)


@pytest.mark.parametrize("value", OBJECTS, ids=lambda it: type(it).__name__)
@pytest.mark.parametrize("kind", [JsonCodec, MsgpackCodec])
def test_objects_come_back_as_their_type(kind: Any, value: Any) -> None:
    of = list[Account] if isinstance(value, list) else type(value)
    codec = kind(of)
    assert loaded(codec, b"k", stored(codec, b"k", value)) == value


def test_json_is_json_for_everybody() -> None:
    data = stored(JsonCodec(), b"k", {"b": 1, "a": [None, "x"]})
    assert data == b'{"a":[null,"x"],"b":1}'
    assert stored(JsonCodec(), b"k", {"a": [None, "x"], "b": 1}) == data, "cas compares"
    assert json.loads(stored(JsonCodec(Account), b"k", Account(1, "Ann"))) == {
        "id": 1,
        "owner": "Ann",
    }


WRITERS: tuple[Codec, ...] = (
    JsonCodec(),
    MsgpackCodec(),
    Reversed(),
    MsgpackCodec(compress_bytes=1),
)


@given(value=PLAIN.filter(lambda it: type(it) is not int))
@pytest.mark.parametrize("writer", WRITERS, ids=["json", "msgpack", "reversed", "msgpack,z"])
@pytest.mark.parametrize("reader", WRITERS, ids=["json", "msgpack", "reversed", "msgpack,z"])
def test_another_codec_is_an_error_that_names_the_key(
    writer: Codec, reader: Codec, value: object
) -> None:
    data = stored(writer, b"user:1", value)
    if writer.name == reader.name:
        loaded(reader, b"user:1", data)
        return
    with pytest.raises(CodecError, match=f"the value of b'user:1' was written .*{reader.name}"):
        loaded(reader, b"user:1", data)


@given(
    data=st.binary(max_size=40),
    marked=st.sampled_from([b"", MSGPACK, BYTES, ZLIB, b"\xc1c", b"\xc1"]),
)
@each_codec
def test_whatever_is_stored_gives_a_value_or_this_error(
    codec: Codec, data: bytes, marked: bytes
) -> None:
    with suppress(CodecError):
        loaded(codec, b"user:1", marked + data)
    assert isinstance(readable(marked + data), bytes)


def test_a_large_value_is_compressed_if_that_makes_it_smaller() -> None:
    codec = JsonCodec(compress_bytes=100)
    small, large = ["x" * 50], ["x" * 5_000]
    assert stored(codec, b"k", small).startswith(b"[")
    data = stored(codec, b"k", large)
    assert data.startswith(ZLIB)
    assert len(data) < 200
    assert loaded(codec, b"k", data) == large
    assert loaded(JsonCodec(), b"k", data) == large, "the reader need not know"
    assert readable(data) == json.dumps(large, separators=(",", ":")).encode()
    assert readable(data[:-4]).startswith(b'["xxx'), "also of a value that was cut off"
    with pytest.raises(CodecError, match="cut off"):
        loaded(codec, b"k", data[:-4])
    with pytest.raises(CodecError, match="damaged"):
        loaded(codec, b"k", ZLIB + b"no zlib")
    noise = bytes(range(256))
    assert stored(codec, b"k", noise) == BYTES + noise


def test_a_bomb_is_not_inflated() -> None:
    bomb = ZLIB + zlib.compress(b"0" * (MAX_VALUE_BYTES + 10))
    with pytest.raises(CodecError, match="too long"):
        loaded(JsonCodec(), b"k", bomb)
    with pytest.raises(CodecError, match=r"b'k' is 67,108,867 bytes when encoded"):
        stored(JsonCodec(), b"k", "x" * (MAX_VALUE_BYTES + 1))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1}, b'{"a":1}'),
        (b"raw", b"raw"),
        (5, b"5"),
        ({"a": b"\0"}, b'{"a":"AA=="}'),
    ],
)
def test_people_see_the_value(value: object, shown: bytes) -> None:
    assert readable(stored(MsgpackCodec(), b"k", value)) == shown
    assert readable(b"\xc1m\xc1") == b"\xc1m\xc1"
    assert readable(stored(Reversed(), b"k", "Ann")) == b"\xc1creversed\0nnA"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pickle", "unknown codec 'pickle': use 'json'"),
        ("json,compress", "cannot read 'compress' in a codec"),
        ("json,compress=much", "cannot read 'compress=much'"),
        ("json,level=1", "cannot read 'level=1'"),
        (JsonCodec, "unknown codec"),
        (5, "unknown codec 5"),
        ({"a": {}}, "unknown codec"),
    ],
)
def test_a_codec_that_is_none_is_refused(text: object, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        as_codec(text)
    with pytest.raises(ConfigError, match=wrong):
        testing.open(codec={"*": text})  # type: ignore[dict-item]


def test_a_codec_without_a_name_is_refused() -> None:
    nameless = Reversed()
    nameless.name = ""
    with pytest.raises(ConfigError, match="a codec needs a name"):
        as_codec(nameless)


def test_the_first_pattern_wins() -> None:
    table = CodecTable({"raw:*": None, "user:*": JsonCodec(Account), "*": "msgpack"})
    assert table.of(b"raw:1") is None
    assert repr(table.of(b"user:1")) == "JsonCodec(Account)"
    assert repr(table.of(b"other")) == "MsgpackCodec()"
    assert CodecTable({"user:*": "json"}).of(b"other") is None
    with pytest.raises(ConfigError, match="must not be empty"):
        CodecTable({"": "json"})


@pytest.fixture(params=["in memory", "real"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    codec = {"raw:*": None, "account:*": JsonCodec(Account), "*": "json,compress=1kb"}
    if request.param == "in memory":
        with testing.open(settings=PATIENT, codec=codec) as layer:
            yield layer
    else:
        settings = msgspec.structs.replace(
            PATIENT,
            redis=cachedesk.RedisSettings(timeout_seconds=1.0),
            database=cachedesk.DatabaseSettings(write_seconds=20.0),
        )
        with cachedesk.open(tmp_path / "data", settings=settings, codec=codec) as layer:
            yield layer


@pytest.mark.parametrize("policy", [THROUGH, BEHIND])
def test_every_call_takes_and_returns_objects(cache: Any, policy: str) -> None:
    assert cache.set("user:1", {"name": "Ann"}, policy=policy).value == b'{"name":"Ann"}'
    for _ in range(2):
        assert cache.get("user:1") == cache["user:1"] == {"name": "Ann"}
        assert cache.read("user:1").value == {"name": "Ann"}
        cache.drain(60)
        cache.evict("*")
    cache["list"] = large = ["x" * 3_000]
    cache["account:1"] = Account(1, "Ann")
    cache["raw:1"] = b"paid"
    assert cache.get_many(["list", "account:1", "raw:1", "none"]) == [
        large,
        Account(1, "Ann"),
        b"paid",
        None,
    ]
    assert dict(cache.items()) == {
        b"account:1": Account(1, "Ann"),
        b"list": large,
        b"raw:1": b"paid",
        b"user:1": {"name": "Ann"},
    }
    assert cache.add("user:2", ["Bob"], policy=policy)
    assert not cache.add("user:2", ["Cid"], policy=policy)
    assert cache.cas("user:2", ["Bob"], {"b": 1, "a": 2}, policy=policy)
    assert cache.cas("user:2", {"a": 2, "b": 1}, 7, policy=policy)
    assert cache.incr("user:2", policy=policy) == 8
    assert cache.get("user:2") == 8
    assert cache.get_or_set("user:3", lambda: {"x": [1.5]}, policy=policy) == {"x": [1.5]}
    assert cache.get_or_set("user:3", {"y": 1}) == {"x": [1.5]}
    cache.write_many([("set", "user:4", None), ("set", "user:5", True)], policy=policy)
    assert (cache.get("user:4", "default"), cache.get("user:5")) == (None, True)
    assert ("user:4" in cache, "user:6" in cache) == (True, False)
    assert cache["user:4"] is None


def test_what_cannot_be_encoded_names_the_key_and_changes_nothing(cache: Any) -> None:
    for wrong in (object(), {1, object()}, lambda: 1):
        with pytest.raises(CodecError, match="the value of b'user:1' cannot be encoded"):
            cache.set("user:1", wrong)
    with pytest.raises(CodecError):
        cache.write_many([("set", "user:2", 1), ("set", "user:1", object())])
    assert list(cache.keys()) == []
    cache["account:1"] = {"id": "one"}
    with pytest.raises(CodecError, match="the value of b'account:1' cannot be read"):
        cache.get("account:1")


def test_a_value_of_another_time_is_an_error_that_names_the_key(tmp_path: Path) -> None:
    stores = testing.InMemoryStores()
    with testing.open(stores, codec="msgpack") as cache:
        cache["user:1"] = {"name": "Ann"}
        cache["count"] = 7
    with testing.open(stores, codec="json") as cache:
        with pytest.raises(CodecError, match="b'user:1' was written under the codec 'msgpack'"):
            cache.get("user:1")
        with pytest.raises(CodecError, match="b'user:1'"):
            dict(cache.items())
        assert cache["count"] == 7
        cache["user:1"] = {"name": "Bob"}
    with testing.open(stores) as plain:
        assert (plain["user:1"], plain["count"]) == (b'{"name":"Bob"}', b"7")


def test_settings_name_codecs_too(tmp_path: Path) -> None:
    (tmp_path / "cachedesk.toml").write_text('[codecs]\n"user:*" = "json"\n')
    with cachedesk.open(tmp_path) as cache:
        cache.set("user:1", {"a": 1})  # type: ignore[arg-type]
        assert cache.get("user:1") == {"a": 1}
        assert type(cache) is cachedesk.CodedCacheLayer
    for wrong, said in (
        ('[codecs]\n"user:*" = "pickle"', r"codecs\.'user:\*': unknown codec 'pickle'"),
        ('[codecs]\n"user:*" = 5', "codecs: expected a table of patterns and codecs"),
        ('codecs = "json"', "codecs: expected a table"),
    ):
        (tmp_path / "cachedesk.toml").write_text(wrong)
        with pytest.raises(ConfigError, match=said):
            cachedesk.open(tmp_path)
    with pytest.raises(ConfigError):
        testing.open(settings=Settings(codecs={"*": "pickle"}))
    with testing.open() as bare:
        assert type(bare) is CacheLayer


def test_explain_shows_the_value() -> None:
    with testing.open(codec="msgpack,compress=100b", settings=PATIENT) as cache:
        cache.set("user:1", {"name": "A" * 150}, policy=BEHIND)
        text = str(cache.explain("user:1"))
        assert text.count('{"name":"AAAA') == 5, text


def test_dump_and_get_show_the_value(tmp_path: Path) -> None:
    with cachedesk.open(tmp_path, codec="msgpack") as cache:
        cache["user:1"] = {"name": "Ann"}
    run = CliRunner().invoke
    shown = run(cli, ["dump", "--data", str(tmp_path)])
    assert json.loads(shown.output) == ["user:1", '{"name":"Ann"}']
    raw = json.loads(run(cli, ["dump", "--raw", "--data", str(tmp_path)]).output)
    assert raw[1].keys() == {"base64"}
    assert run(cli, ["get", "user:1", "--data", str(tmp_path)]).output == '{"name":"Ann"}\n'
    told = json.loads(run(cli, ["get", "user:1", "--json", "--data", str(tmp_path)]).output)
    assert told["value"] == '{"name":"Ann"}'
    assert '{"name":"Ann"}' in run(cli, ["explain", "user:1", "--data", str(tmp_path)]).output
