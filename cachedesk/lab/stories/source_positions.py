"""Positions in a TOML file: finds the line of a field, for error messages.

Python's TOML parser does not keep line numbers. A story's file has headers and one entry per line,
as is usual in TOML, so a scan of the lines finds the field or the nearest one above it.
"""

from __future__ import annotations

import re
from collections import Counter

Place = tuple[str | int, ...]
"""Where in the file: ``("act", 0, "step", 2, "wait")``."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_ENTRY = re.compile(r"""\s*["']?([A-Za-z_][\w-]*)["']?\s*=""")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def line_of(text: str, place: Place) -> int:
    """Return the line number of ``place``, or of the nearest entry above it."""
    counts: Counter[Place] = Counter()
    here: Place = ()
    best, length = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            here = _opened(header[2].split("."), header[1] == "[[", counts)
            found = here
        elif entry := _ENTRY.match(line):
            found = (*here, entry[1])
        else:
            continue
        if place[: len(found)] == found and len(found) > length:
            best, length = number, len(found)
    return best


def place_of(path: str) -> Place:
    """Return the place for a path from msgspec, like ``act[0].step[2].wait``."""
    parts = _STEP.finditer(path)
    return tuple(int(part[2]) if part[2] else part[1] for part in parts)


def name_of(place: Place) -> str:
    """Return ``place`` as text, counted from one: ``act[1].step[3].wait``."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _opened(parts: list[str], is_list: bool, counts: Counter[Place]) -> Place:
    here: Place = ()
    for depth, raw in enumerate(parts):
        here = (*here, raw.strip().strip("\"'"))
        if is_list and depth == len(parts) - 1:
            here = (*here, counts[here])
            counts[here[:-1]] += 1
        elif counts[here]:
            here = (*here, counts[here] - 1)
    return here
