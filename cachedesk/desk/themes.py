"""The desk's themes: those of Textual, ``paper``, a light one, and ``console``, of 16 colours.

Textual's light themes draw warnings in amber on pale grey, at a third of the contrast that text
needs; ``paper`` has enough contrast for all of its colours.

A terminal of 16 colours shows the nearest of them. In a theme of mixed colours that makes grey text
grey on grey, and green yellow; each colour of ``console`` is one of the 16, on black.
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

CONSOLE = Theme(
    name="console",
    primary="#55ffff",
    secondary="#aaaaaa",
    accent="#ff55ff",
    warning="#ffff55",
    error="#ff5555",
    success="#55ff55",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    variables={
        # Only the list that has the focus has a filled cursor, without colours too.
        "block-cursor-blurred-background": "#000000",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-blurred-text-style": "underline",
        "text-disabled": "#aaaaaa",
    },
)

OWN = (PAPER, CONSOLE)
"""The themes that an app must register."""

NAMES = frozenset((*BUILTIN_THEMES, *(theme.name for theme in OWN)))
"""The names of all themes."""


def chosen(theme: str, environment: Mapping[str, str], *, few_colours: bool = False) -> str:
    """Return the theme to use: ``theme``, or that of the environment, or the default.

    With ``NO_COLOR`` set, the ANSI themes would be black on black, so the default is used.

    Args:
        theme: the user's choice; empty: there is none.
        environment: the environment variables.
        few_colours: whether the terminal has no more than 16 colours, which changes the default.
    """
    name = theme or environment.get("TEXTUAL_THEME", "")
    if name not in NAMES or (environment.get("NO_COLOR") and "ansi" in name):
        return CONSOLE.name if few_colours else DEFAULT
    return name
