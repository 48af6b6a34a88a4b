"""Every theme can be read, and no meaning is told by colour alone."""

from __future__ import annotations

import asyncio

import pytest
from textual.color import Color

from cachedesk.desk.themes import DEFAULT, chosen

from . import scenes
from .piloting import RecordingControl, desk
from .scenes import FixedSource

pytestmark = pytest.mark.slow

THEMES = ("gruvbox", "textual-dark", "paper")
SCENES = ("HEALTHY", "REDIS_DOWN", "ALL_DOWN", "UNBALANCED")
LEAST_CONTRAST, LEAST_OF_BOLD = 4.5, 3.0
"""What WCAG asks of text, and of bold text."""

_LINES = set("─│╭╮╰╯━┃╌╎┏┓┗┛╍╏┤┼·▁▂▃▄▅▆▇█▀▲▼◆▶ ▪✗‖ ")


def drawn(scene, themes, size=(120, 40)):
    """Return, of each theme, every piece of text on the screen with its two colours."""
    found = {}

    async def play():
        app = desk(RecordingControl(), FixedSource(getattr(scenes, scene)))
        async with app.run_test(size=size) as pilot:
            for theme in themes:
                app.theme = theme
                await pilot.pause()
                strips = app.screen._compositor.render_strips()
                found[theme] = [segment for strip in strips for segment in strip]

    asyncio.run(play())
    return found


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours; WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


@pytest.mark.parametrize("scene", SCENES)
def test_all_text_stands_out(scene):
    faint = set()
    pictures = drawn(scene, THEMES)
    assert [len(segments) > 100 for segments in pictures.values()] == [True] * len(THEMES)
    for theme, segment in ((theme, it) for theme, found in pictures.items() for it in found):
        style = segment.style
        if style is None or not set(segment.text) - _LINES or style.strike or style.dim:
            continue
        if style.color is None or style.bgcolor is None:
            continue
        ratio = contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))
        if ratio < (LEAST_OF_BOLD if style.bold else LEAST_CONTRAST):
            faint.add((theme, segment.text.strip()[:30], round(ratio, 1)))
    assert not faint


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_state_is_told_in_words_and_glyphs(size):
    text = "".join(segment.text for segment in drawn("ALL_DOWN", ["gruvbox"], size)["gruvbox"])
    for word in ("✗", "locked", "crashed", "disk full", "▼", "everything is down"):
        assert word in text
    text = "".join(segment.text for segment in drawn("UNBALANCED", ["gruvbox"], size)["gruvbox"])
    assert "DO NOT BALANCE" in text


def test_which_theme():
    assert chosen("", {}) == DEFAULT
    assert chosen("nord", {"TEXTUAL_THEME": "paper"}) == "nord"
    assert chosen("", {"TEXTUAL_THEME": "paper"}) == "paper"
    assert chosen("", {"TEXTUAL_THEME": "no such"}) == DEFAULT
    assert chosen("ansi-dark", {}) == "ansi-dark"
    assert chosen("ansi-dark", {"NO_COLOR": "1"}) == DEFAULT
