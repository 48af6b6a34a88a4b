"""Every theme can be read, and no meaning is told by colour alone."""

from __future__ import annotations

import asyncio

import pytest
from rich.color import ColorSystem
from rich.terminal_theme import TerminalTheme
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

_LINES = set("─│╭╮╰╯━┃╌╎┏┓┗┛╍╏├┤┬┼·▁▂▃▄▅▆▇█▀▲▼◆▶ ▪✗‖ ")


LINUX = TerminalTheme(
    (0, 0, 0),
    (170, 170, 170),
    [
        (0, 0, 0),
        (170, 0, 0),
        (0, 170, 0),
        (170, 85, 0),
        (0, 0, 170),
        (170, 0, 170),
        (0, 170, 170),
        (170, 170, 170),
    ],
    [
        (85, 85, 85),
        (255, 85, 85),
        (85, 255, 85),
        (255, 255, 85),
        (85, 85, 255),
        (255, 85, 255),
        (85, 255, 255),
        (255, 255, 255),
    ],
)
XTERM = TerminalTheme(
    (0, 0, 0),
    (229, 229, 229),
    [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
     (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    [(127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
     (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)],
)  # fmt: skip
"""The 16 colours as two terminals show them."""


def drawn(scene, themes, size=(120, 40), keys=()):
    """Return, of each theme, every piece of text on the screen with its two colours."""
    found = {}

    async def play():
        app = desk(RecordingControl(), FixedSource(getattr(scenes, scene)))
        async with app.run_test(size=size) as pilot:
            for theme in themes:
                app.theme = theme
                await pilot.pause()
                await pilot.press(*keys)
                await pilot.pause()
                # The screen behind a modal is dimmed on purpose.
                area = app.screen.children[0].region if keys else app.screen.region
                strips = app.screen._compositor.render_strips()[area.y : area.bottom]
                found[theme] = [it for strip in strips for it in strip.crop(area.x, area.right)]

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


def shown(color, palette, *, foreground):
    """Return what a terminal of 16 colours shows instead of ``color``."""
    nearest = color.downgrade(ColorSystem.STANDARD)
    return Color(*nearest.get_truecolor(palette, foreground=foreground))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
@pytest.mark.parametrize("scene", SCENES)
def test_all_text_stands_out_with_16_colours(scene, size):
    assert not faint_with_16_colours(scene, size)


@pytest.mark.parametrize("keys", ["f", "s", "E", "t", "?", "i"])
def test_all_text_of_a_modal_stands_out_with_16_colours(keys):
    pressed = ["question_mark"] if keys == "?" else [keys]
    assert not faint_with_16_colours("REDIS_DOWN", (80, 24), pressed)


def faint_with_16_colours(scene, size, keys=()):
    faint = set()
    for segment in drawn(scene, ["console"], size, keys)["console"]:
        style = segment.style
        if not set(segment.text) - _LINES or style is None or style.strike or style.dim:
            continue
        if style.color is None or style.bgcolor is None:
            continue
        for palette in (LINUX, XTERM):
            pair = (
                shown(style.color, palette, foreground=True),
                shown(style.bgcolor, palette, foreground=False),
            )
            least = LEAST_OF_BOLD if style.bold else LEAST_CONTRAST
            if contrast(*pair) < least:
                faint.add((segment.text.strip()[:30], *(color.hex for color in pair)))
    return faint


def test_a_part_that_is_up_is_green_with_16_colours():
    found = {
        style.color.downgrade(ColorSystem.STANDARD).number
        for text, style, _ in drawn("HEALTHY", ["console"])["console"]
        if style is not None and style.color is not None and text.strip().startswith("● up")
    }
    assert found == {10}, "bright green"


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
    for word in ("✗", "not re", "retrying", "disk full", "▼", "everything is down"):
        assert word in text
    text = "".join(segment.text for segment in drawn("UNBALANCED", ["gruvbox"], size)["gruvbox"])
    assert "DO NOT BALANCE" in text


@pytest.mark.parametrize(
    ("terminal", "theme"),
    [
        ({"TERM": "xterm"}, "console"),
        ({"TERM": "linux"}, "console"),
        ({"TERM": "screen"}, "console"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "console"),
        ({"TERM": "xterm-256color"}, DEFAULT),
        ({"TERM": "screen-256color"}, DEFAULT),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, DEFAULT),
    ],
    ids=str,
)
def test_the_terminal_decides_on_the_theme(terminal, theme, monkeypatch):
    for name in ("TERM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    assert desk().theme == theme


def test_which_theme():
    assert chosen("", {}) == DEFAULT
    assert chosen("nord", {"TEXTUAL_THEME": "paper"}) == "nord"
    assert chosen("", {"TEXTUAL_THEME": "paper"}) == "paper"
    assert chosen("", {"TEXTUAL_THEME": "no such"}) == DEFAULT
    assert chosen("ansi-dark", {}) == "ansi-dark"
    assert chosen("", {}, few_colours=True) == "console"
    assert chosen("nord", {}, few_colours=True) == "nord"
    assert chosen("ansi-dark", {"NO_COLOR": "1"}) == DEFAULT
