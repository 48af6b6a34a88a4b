"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

_UNITS = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SIZE = re.compile(r"([0-9]{1,15})\s*(b|kb|mb|gb)", re.IGNORECASE)


def size_in_bytes(text: str) -> int | None:
    """Return a size such as ``"64mb"`` in bytes; ``None`` if ``text`` is not one.

    >>> size_in_bytes("4kb"), size_in_bytes("4")
    (4096, None)
    """
    match = _SIZE.fullmatch(text.strip())
    return None if match is None else int(match[1]) * _UNITS[match[2].lower()]
