"""Formats figures, durations, sizes and raw bytes as short text for reports."""

from __future__ import annotations

from collections.abc import Iterable

from cachedesk.core.wording import NOTHING, count_of, number, percent, span, three_digits

__all__ = ["NOTHING", "count_of", "ids", "number", "percent", "shown", "size", "span", "visible"]

_MOST_STRETCHES = 200
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """Return a number of bytes with a binary unit: ``12.3 MiB``."""
    unit = 0
    while count >= 1023.5 and unit < len(_SIZES) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:,.0f} B" if unit == 0 else f"{three_digits(count)} {_SIZES[unit]}"


def ids(numbers: Iterable[int]) -> str:
    """Return ids in order, with consecutive ones as a range: ``id 7``, ``ids 1 to 200, 203``."""
    stretches: list[tuple[int, int]] = []
    for each in sorted(set(numbers)):
        if stretches and stretches[-1][1] == each - 1:
            stretches[-1] = (stretches[-1][0], each)
        else:
            stretches.append((each, each))
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in stretches]
    more = len(shown) - _MOST_STRETCHES
    rest = f" and {more:,} more ranges" if more > 0 else ""
    one = len(stretches) == 1 and stretches[0][0] == stretches[0][1]
    return f"{'id' if one else 'ids'} {', '.join(shown[:_MOST_STRETCHES])}{rest}"


def shown(raw: bytes | None) -> str:
    r"""Return the bytes of a key or a value as one line of text: printable UTF-8 unchanged, other
    characters escaped as ``\x00``, ``None`` as ``absent``."""
    if raw is None:
        return "absent"
    try:
        return visible(raw.decode())
    except UnicodeDecodeError:
        return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in raw)


def visible(text: str) -> str:
    r"""Return ``text`` with characters that are not printable, or would change the direction of the
    text, escaped: ``\x00``, ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in text)


def _escaped(code: int) -> str:
    # A surrogate stands for a byte of an argument that is not UTF-8: show that byte.
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
