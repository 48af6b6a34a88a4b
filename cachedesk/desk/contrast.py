"""Colours that can be read on their ground, also on a projector.

The contrast of two colours is that of WCAG 2 (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio):
1 for equal colours, 21 for black on white; text needs 4.5, a shape 3.
"""

from __future__ import annotations

from textual.color import Color

_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)
_STEPS = 40


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two opaque colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: Color, ground: Color, least: float) -> Color:
    """Return ``colour``, made lighter or darker until its contrast with ``ground`` is ``least``.

    A colour of the terminal's own palette is returned unchanged: what it looks like is unknown.
    """
    if colour.ansi is not None or ground.ansi is not None:
        return colour
    end = max(_WHITE, _BLACK, key=lambda extreme: contrast(extreme, ground))
    mixed = (colour.blend(end, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in mixed if contrast(one, ground) >= least), end)


def faded(colour: Color, ground: Color, least: float) -> Color:
    """Return ``colour``, mixed with ``ground`` as far as its contrast stays ``least``."""
    if colour.ansi is not None or ground.ansi is not None:
        return colour
    mixed = (ground.blend(colour, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in mixed if contrast(one, ground) >= least), colour)


def _luminance(colour: Color) -> float:
    red, green, blue = (_linear(part / 255) for part in colour.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
