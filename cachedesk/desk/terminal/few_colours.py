"""Colours on a terminal that has only 16 of them, of which many tints become the same grey."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_DARK = 0.18
"""The luminance below which a ground becomes black; the tints of the desk are darker."""

_LEAST_CONTRAST_ON_BLACK, _LEAST_CONTRAST = 1.4, 3.0
"""The contrast below which text is drawn in grey on black, or in black on a bright ground."""

_BLACK = RichColor.from_rgb(0, 0, 0)
_GREY = RichColor.from_rgb(0x55, 0x55, 0x55)


class ReadableGrounds(LineFilter):
    """Draws on black instead of on a dark tint, which 16 colours show as the grey of some text, and
    in black on a bright ground if the text is bright too."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return ``segments`` with these colours."""
        return [
            Segment(text, None if style is None else _readable(style), control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def _readable(style: Style) -> Style:
    ground, ink = style.bgcolor, style.color
    if ground is None or ground.triplet is None:
        return style
    if luminance(ground) >= _DARK:
        faint = ink is not None and ink.triplet and contrast(ink, ground) < _LEAST_CONTRAST
        return style + Style(color=_BLACK) if faint else style
    if ink is not None and ink.triplet and contrast(ink, _BLACK) < _LEAST_CONTRAST_ON_BLACK:
        ink = _GREY
    return style + Style(color=ink, bgcolor=_BLACK)


def contrast(one: RichColor, other: RichColor) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, 1.4.3)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: RichColor) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2)."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = color.get_truecolor()
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
