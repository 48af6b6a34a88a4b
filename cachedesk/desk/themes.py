"""The desk's themes: those that Textual brings, and a light one of our own.

The light themes at hand draw warnings in amber on pale grey, at a third of the contrast that text
needs; on ``paper`` everything can be read.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

DEFAULT = "gruvbox"

PAPER = Theme(
    name="paper",
    primary="#00527a",
    secondary="#46525e",
    accent="#6b3fa0",
    warning="#8a4b00",
    error="#a3123a",
    success="#1a6428",
    foreground="#1a1a1a",
    background="#f7f6f2",
    surface="#edebe5",
    panel="#e2e0d9",
    dark=False,
)

NAMES = frozenset((*BUILTIN_THEMES, PAPER.name))
"""Every theme there is to choose from."""


def chosen(theme: str, environment: Mapping[str, str]) -> str:
    """Return the theme to use: the one that was named, or that of the environment, or the usual.

    Without colours the terminal's own palette would be black on black.
    """
    name = theme or environment.get("TEXTUAL_THEME", "")
    if name not in NAMES or (environment.get("NO_COLOR") and "ansi" in name):
        return DEFAULT
    return name
