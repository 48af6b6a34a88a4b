"""Numbers, sizes, spans and raw bytes as short text. All formatting of figures is here."""

from __future__ import annotations

import time
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from cachedesk.core.wording import NOTHING

ABSENT = NOTHING
UNKNOWN = "?"
CUT_MARK = "…"

CUT_VALUE_BYTES = 256
"""A snapshot truncates values to this many bytes, possibly inside a character."""

_COUNT_UNITS = ("", "k", "M", "G", "T", "P", "E")
_SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def number(count: int) -> str:
    """Return ``count`` in full, with thousands separators: ``12,345``."""
    return f"{count:,}"


def compact(count: int) -> str:
    """Return ``count`` in at most six characters: in full below 100,000, else as ``1.23M``."""
    if abs(count) < 100_000:
        return number(count)
    scaled, unit = _scaled(float(count), 1000.0, _COUNT_UNITS)
    return f"{_three_digits(scaled)}{unit}"


def size(count: int) -> str:
    """Return a number of bytes with a binary unit: ``12.3 MiB``."""
    scaled, unit = _scaled(float(count), 1024.0, _SIZE_UNITS)
    return f"{count} B" if unit == "B" else f"{_three_digits(scaled)} {unit}"


def size_of(part: int | None, whole: int) -> str:
    """Return ``12.3/64.0 MiB``, both in the unit of ``whole``; without a whole, the part.

    A part of ``None`` is unknown and shown as an en dash.
    """
    if whole <= 0:
        return ABSENT if part is None else size(part)
    scaled, unit = _scaled(float(whole), 1024.0, _SIZE_UNITS)
    share = ABSENT
    if part is not None:
        share = _three_digits(part / float(1024 ** _SIZE_UNITS.index(unit)))
    return f"{share}/{_three_digits(scaled)} {unit}"


def span(seconds: float) -> str:
    """Return a span of time in a suitable unit, from ``130 µs`` to ``3 d 04 h``."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.0009995:
        return f"{_three_digits(seconds * 1e6, places=0)} µs"
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1e3, places=1 if seconds < 0.00995 else 0)} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return _long_span(round(seconds))


def about(seconds: float) -> str:
    """Return a span of time in its largest whole unit: ``6 s``, ``14 m``, ``3 h``, ``2 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{number(int(seconds // length))} {unit}"
    return f"{max(0, round(seconds))} s"


def uptime(seconds: float) -> str:
    """Return how long something has been running: ``0:12:34``, ``3 d 04:05:06``."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, second = divmod(rest, 60)
    if days:
        return f"{number(days)} d {hours:02}:{minutes:02}:{second:02}"
    return f"{hours}:{minutes:02}:{second:02}"


def clock(at: float) -> str:
    """Return the local time of day of ``at`` (seconds since 1970): ``14:03:59``."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"  # a recording may hold any float


@lru_cache(maxsize=4096)
def data_text(data: bytes) -> str:
    r"""Return raw bytes as text that is safe to draw in one line.

    Printable UTF-8 is returned unchanged; in anything else, unprintable bytes are escaped as
    ``\x00``. No bytes are ``""``.
    """
    if not data:
        return '""'
    text = _decoded(data)
    if text is not None and text.isprintable():
        return text
    return "".join(map(_escaped, data))


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells, with an ellipsis if it was truncated."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + CUT_MARK


def left(text: str, width: int) -> str:
    """Return ``text`` truncated or padded on the right to exactly ``width`` cells."""
    return set_cell_size(cut(text, width), max(0, width))


def right(text: str, width: int) -> str:
    """Return ``text`` truncated or padded on the left to exactly ``width`` cells."""
    shown = cut(text, width)
    return " " * (width - cell_len(shown)) + shown


def _scaled(value: float, base: float, units: tuple[str, ...]) -> tuple[float, str]:
    index = 0
    # 999.5 would be rounded to "1000", so it belongs to the next unit.
    while abs(value) >= 999.5 and index < len(units) - 1:
        value /= base
        index += 1
    return value, units[index]


def _three_digits(value: float, places: int = 2) -> str:
    magnitude = abs(value)
    wanted = 0 if magnitude >= 99.95 else 1 if magnitude >= 9.995 else 2
    return f"{value:,.{min(places, wanted)}f}"


def _long_span(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} m"
    return f"{number(seconds // 86_400)} d {seconds % 86_400 // 3600:02} h"


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut_inside = len(data) == CUT_VALUE_BYTES and error.start > len(data) - 4
        return _decoded(data[: error.start]) if cut_inside and error.start else None


def _escaped(byte: int) -> str:
    if byte == 0x5C:
        return r"\\"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
