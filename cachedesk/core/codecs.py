"""Codecs: how the values of a key become bytes and come back. Never pickle.

Without a codec a value is bytes, stored as they are. With one it may be any object that the codec
takes. What is stored says what it is, so that a value which was written under another codec gives
an error instead of nonsense, and can be shown without knowing the settings:

- an int of 64 bits is its decimal text, under every codec: a counter;
- JSON is JSON, readable in Redis and in the database by any other program;
- everything else begins with 0xC1, which is never the first byte of UTF-8 text, of JSON or of
  MessagePack, and a letter: ``m`` MessagePack, ``b`` bytes, ``c`` a codec of the user and its name,
  ``z`` any of these or JSON, compressed by zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import msgspec

from cachedesk.core.errors import CodecError
from cachedesk.core.events import COUNTER_MAX, COUNTER_MIN, MAX_VALUE_BYTES, as_number

_MARK = b"\xc1"
MSGPACK, BYTES, CUSTOM, ZLIB = (_MARK + letter for letter in (b"m", b"b", b"c", b"z"))
# The fastest level: most of what it saves, it saves in the first pass. (zlib, because zstd is part
# of Python only from 3.14 on.)
_LEVEL = 1


@runtime_checkable
class Codec(Protocol):
    """Encodes and decodes the values of some keys.

    ``name``: what it is, stored with each value; another name is another codec. ``encode`` and
    ``decode`` may raise any ``Exception``, which becomes a ``CodecError`` that names the key.
    """

    name: str

    def encode(self, value: Any) -> bytes:
        """Return ``value`` as bytes."""
        ...

    def decode(self, data: bytes) -> Any:
        """Return the value that ``encode`` made ``data`` of."""
        ...


class JsonCodec:
    """JSON, by msgspec: plain values, dataclasses, ``msgspec.Struct`` and pydantic models.

    >>> codec = JsonCodec(dict[str, int])
    >>> codec.encode({"a": 1}), codec.decode(b'{"a":1}')
    (b'{"a":1}', {'a': 1})
    """

    name = "json"

    def __init__(self, type: Any = Any, *, compress_bytes: int | None = None) -> None:
        """Prepare.

        Args:
            type: what values are decoded as, and checked against; by default ``dict``, ``list``,
                ``str``, ``int``, ``float``, ``bool`` and ``None``.
            compress_bytes: compress an encoded value of at least this size; ``None``: never.
        """
        self.type = type
        self.compress_bytes = compress_bytes
        # Sorted keys: equal values are encoded alike, which ``cas`` compares.
        self.encode = msgspec.json.Encoder(
            enc_hook=lambda value: _dumped(value, "json"), order="deterministic"
        ).encode
        self.decode = _decoder(type, msgspec.json.Decoder)

    def __repr__(self) -> str:
        return f"JsonCodec({_name_of(self.type)})"


class MsgpackCodec:
    """MessagePack, by msgspec: smaller and faster than JSON, and takes bytes within values; not
    readable without a decoder. Otherwise as ``JsonCodec``."""

    name = "msgpack"

    def __init__(self, type: Any = Any, *, compress_bytes: int | None = None) -> None:
        """Prepare; arguments as for ``JsonCodec``."""
        self.type = type
        self.compress_bytes = compress_bytes
        self.encode = msgspec.msgpack.Encoder(
            enc_hook=lambda value: _dumped(value, "python"), order="deterministic"
        ).encode
        self.decode = _decoder(type, msgspec.msgpack.Decoder)

    def __repr__(self) -> str:
        return f"MsgpackCodec({_name_of(self.type)})"


def stored(codec: Codec, key: bytes, value: object) -> bytes:
    """Return ``value`` as it is stored under ``codec``.

    Raises:
        CodecError: the codec cannot encode it, or it is over 64 MiB; the message names ``key``.
    """
    if type(value) is int and COUNTER_MIN <= value <= COUNTER_MAX:
        return b"%d" % value
    if isinstance(value, bytes):
        data = BYTES + value
    else:
        try:
            data = codec.encode(value)
        except Exception as error:
            raise CodecError(f"the value of {key!r} cannot be encoded: {error}") from error
        if not isinstance(codec, JsonCodec):
            data = _head(codec) + data
    least = getattr(codec, "compress_bytes", None)
    if least is not None and len(data) >= least:
        packed = ZLIB + zlib.compress(data, _LEVEL)
        data = min(data, packed, key=len)
    if len(data) > MAX_VALUE_BYTES:
        raise CodecError(
            f"the value of {key!r} is {len(data):,} bytes when encoded; at most"
            f" {MAX_VALUE_BYTES:,} are stored"
        )
    return data


def loaded(codec: Codec, key: bytes, data: bytes) -> Any:
    """Return the value that is stored as ``data``, read under ``codec``.

    Raises:
        CodecError: it was written under another codec or as another type; the message names
            ``key``.
    """
    try:
        if data.startswith(ZLIB):
            data = inflated(data)
        if data.startswith(BYTES):
            return data[len(BYTES) :]
        if isinstance(codec, JsonCodec):
            return _read(key, "json", data, codec.decode, data.startswith(_MARK))
        if (number := _counter(data)) is not None:
            of = getattr(codec, "type", Any)
            return number if of is Any else msgspec.convert(number, of)
        head = _head(codec)
        return _read(key, codec.name, data, lambda it: codec.decode(it[len(head) :]), head)
    except CodecError:
        raise
    except Exception as error:
        raise CodecError(
            f"the value of {key!r} cannot be read under the codec {codec.name!r} ({error}): it was"
            " written as another type, under another codec or without one"
        ) from error


def _read(
    key: bytes, name: str, data: bytes, decode: Callable[[bytes], Any], head: bytes | bool
) -> Any:
    other = head if isinstance(head, bool) else not data.startswith(head)
    if other:
        raise CodecError(
            f"the value of {key!r} was written {form_of(data)}, not under the codec {name!r}:"
            " read it as it was written, or write it again"
        )
    return decode(data)


def form_of(data: bytes) -> str:
    """Return in a few words under which codec ``data`` was written."""
    if data.startswith(MSGPACK):
        return "under the codec 'msgpack'"
    if data.startswith(CUSTOM):
        name = data[len(CUSTOM) :].partition(b"\0")[0][:80]
        return f"under the codec {name.decode(errors='replace')!r}"
    return "as JSON or without a codec"


def readable(data: bytes) -> bytes:
    """Return a stored value in a form that people can read, for reports and listings: decompressed,
    and MessagePack as JSON. A value without a mark, or of a codec that is not known here, is
    returned unchanged. ``data`` may be cut off.

    >>> readable(b"\\xc1m\\x81\\xa1a\\x01"), readable(b"paid")
    (b'{"a":1}', b'paid')
    """
    if not data.startswith(_MARK):
        return data
    try:
        if data.startswith(ZLIB):
            data = inflated(data, whole=False)
        if data.startswith(BYTES):
            return data[len(BYTES) :]
        if data.startswith(MSGPACK):
            return msgspec.json.encode(msgspec.msgpack.decode(data[len(MSGPACK) :]))
    except (msgspec.MsgspecError, TypeError, ValueError):
        pass
    return data


def inflated(data: bytes, *, whole: bool = True) -> bytes:
    """Return what ``data``, a compressed value, was before; unless ``whole``, ``data`` may be cut
    off. Raises ``ValueError`` if it is damaged, or over 64 MiB."""
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(data[len(ZLIB) :], MAX_VALUE_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"its compression is damaged: {error}") from error
    if whole and not inflate.eof:
        raise ValueError("its compressed form is cut off, or it is too long")
    return found


def _head(codec: Codec) -> bytes:
    if isinstance(codec, MsgpackCodec):
        return MSGPACK
    return CUSTOM + codec.name.encode() + b"\0"


def _counter(data: bytes) -> int | None:
    try:
        return as_number(data)
    except ValueError:
        return None


def _decoder(type: Any, decoder: Any) -> Callable[[bytes], Any]:
    """Return the function that decodes ``type``. Pydantic is not imported: a model has the
    methods."""
    if hasattr(type, "model_validate"):
        plain = decoder().decode
        return lambda data: type.model_validate(plain(data))
    return decoder(type, dec_hook=_validated).decode  # type: ignore[no-any-return]


def _validated(type: Any, value: Any) -> Any:
    """Make a pydantic model within another value."""
    if hasattr(type, "model_validate"):
        return type.model_validate(value)
    raise NotImplementedError(f"{type!r} cannot be decoded")


def _dumped(value: Any, mode: str) -> Any:
    """Return a pydantic model as plain values."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode=mode)
    raise NotImplementedError(f"{type(value).__name__} is not a type that it takes")


def _name_of(type: Any) -> str:
    return "" if type is Any else getattr(type, "__name__", repr(type))
