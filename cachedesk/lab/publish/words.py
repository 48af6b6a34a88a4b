"""Figures, spans, sizes and raw bytes as the short text that a report shows."""

from __future__ import annotations

from collections.abc import Iterable

NOTHING = "\N{EN DASH}"

_MOST_STRETCHES = 200
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def number(count: float) -> str:
    """Return a count in full, with thousands apart: ``12,345``."""
    return f"{count:,.0f}"


def percent(part: float, whole: float) -> str:
    """Return a share as ``98.3 %``, rounded down, so that 100 % means all of it; an en dash when
    there is no whole to take a share of."""
    if whole <= 0:
        return NOTHING
    share = 100.0 * part / whole
    return f"{share:.0f} %" if share in (0.0, 100.0) else f"{int(share * 10) / 10:.1f} %"


def span(seconds: float) -> str:
    """Return a span of time in the unit that suits it: ``130 µs``, ``4.2 ms``, ``12.0 s``."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1e3)} ms"
    if seconds < 599.5:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(count: float) -> str:
    """Return a number of bytes with a binary unit: ``12.3 MiB``."""
    unit = 0
    while count >= 1023.5 and unit < len(_SIZES) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:,.0f} B" if unit == 0 else f"{_three_digits(count)} {_SIZES[unit]}"


def count_of(count: int, noun: str) -> str:
    """Return ``1 fault`` or ``3 faults``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ids(numbers: Iterable[int]) -> str:
    """Return ids in order, those that follow each other as one: ``id 7``, ``ids 1 to 200, 203``."""
    stretches: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if stretches and stretches[-1][1] == number - 1:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    told = [str(first) if first == last else f"{first} to {last}" for first, last in stretches]
    more = len(told) - _MOST_STRETCHES
    rest = f" and {more:,} more stretches" if more > 0 else ""
    one = len(stretches) == 1 and stretches[0][0] == stretches[0][1]
    return f"{'id' if one else 'ids'} {', '.join(told[:_MOST_STRETCHES])}{rest}"


def shown(raw: bytes | None) -> str:
    r"""Return the bytes of a key or a value as one line of text: printable UTF-8 as it is, what
    cannot be drawn as ``\x00``, ``None`` as ``absent``."""
    if raw is None:
        return "absent"
    try:
        return visible(raw.decode())
    except UnicodeDecodeError:
        return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in raw)


def visible(text: str) -> str:
    r"""Return ``text`` with everything that cannot be drawn, or would turn the text around it, as
    an escape: ``\x00``, ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in text)


def _escaped(code: int) -> str:
    # What was a byte of an argument that is not UTF-8 is shown as that byte.
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _three_digits(value: float) -> str:
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{places}f}"
