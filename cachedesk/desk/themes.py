"""The desk's themes: those of Textual, and ``paper``, a light one.

Textual's light themes draw warnings in amber on pale grey, at a third of the contrast that text
needs; ``paper`` has enough contrast for all of its colours.
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
"""The names of all themes."""


def chosen(theme: str, environment: Mapping[str, str]) -> str:
    """Return the theme to use: ``theme``, or that of the environment, or the default.

    With ``NO_COLOR`` set, the ANSI themes would be black on black, so the default is used.
    """
    name = theme or environment.get("TEXTUAL_THEME", "")
    if name not in NAMES or (environment.get("NO_COLOR") and "ansi" in name):
        return DEFAULT
    return name
