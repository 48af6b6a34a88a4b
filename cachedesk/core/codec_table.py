"""Which codec the values of a key have, by key pattern; and codecs as text, for settings."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from cachedesk.core.codecs import Codec, JsonCodec, MsgpackCodec, loaded, stored
from cachedesk.core.errors import ConfigError
from cachedesk.core.events import as_value
from cachedesk.core.patterns import first_match
from cachedesk.core.sizes import size_in_bytes

CodecSetting = str | Codec | None

_USE = "use 'json', 'msgpack', 'none' or a codec; 'json,compress=4kb' compresses from that size on"


def as_codec(codec: object) -> Codec | None:
    """Return ``codec`` if it is one, or the codec with this text; ``None`` or ``"none"``: values
    are bytes.

    Raises:
        ConfigError: it is neither.

    >>> as_codec("json"), as_codec("msgpack,compress=4kb").compress_bytes
    (JsonCodec(), 4096)
    """
    if codec is None or codec == "none":
        return None
    if isinstance(codec, str):
        name, _, option = codec.partition(",")
        least = _compress(option.strip())
        if name == "json":
            return JsonCodec(compress_bytes=least)
        if name == "msgpack":
            return MsgpackCodec(compress_bytes=least)
    elif isinstance(codec, Codec) and not isinstance(codec, type):
        if not isinstance(codec.name, str) or not codec.name or "\0" in codec.name:
            raise ConfigError(f"a codec needs a name, not {reprlib.repr(codec.name)}")
        return codec
    raise ConfigError(f"unknown codec {reprlib.repr(codec)}: {_USE}")


def _compress(option: str) -> int | None:
    if not option:
        return None
    name, _, text = option.partition("=")
    size = size_in_bytes(text)
    if name != "compress" or size is None:
        raise ConfigError(f"cannot read {option!r} in a codec: {_USE}")
    return size


class CodecTable:
    """Codecs by key pattern; the first match wins, and a key without a match has none."""

    def __init__(self, codecs: Mapping[str, Any]) -> None:
        """Compile ``codecs``, pattern to codec or its text, in their order.

        Raises:
            ConfigError: a codec is unknown, or a pattern is invalid.
        """
        self._codecs: list[Codec | None] = []
        for pattern, codec in codecs.items():
            try:
                self._codecs.append(as_codec(codec))
            except ConfigError as error:
                raise ConfigError(f"codecs.{pattern!r}: {error}") from None
        self._match = first_match(codecs)

    def of(self, key: bytes) -> Codec | None:
        """Return the codec of ``key``; ``None``: its values are bytes."""
        place = self._match(key)
        return None if place is None else self._codecs[place]

    def encode(self, key: bytes, value: Any) -> bytes:
        """Return ``value`` as it is stored. Raises ``InvalidValue`` or ``CodecError``."""
        codec = self.of(key)
        return as_value(value) if codec is None else stored(codec, key, value)

    def decode(self, key: bytes, data: bytes) -> Any:
        """Return the value that is stored as ``data``. Raises ``CodecError``."""
        codec = self.of(key)
        return data if codec is None else loaded(codec, key, data)
