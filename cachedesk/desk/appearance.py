"""The appearance of a desk: the user's choices, checked before anything is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from cachedesk.core.errors import ConfigError
from cachedesk.desk.actions import Action
from cachedesk.desk.keymap import remapped
from cachedesk.desk.themes import NAMES


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a desk looks and behaves.

    Args:
        theme: the name of the theme; empty: the default.
        refresh_hz: refreshes per second.
        actions: the actions with their keys.
        hint: whether to greet a new user.
        read_only: whether to leave out every action that changes the stack.
        cards: whether a card appears after each fault.
    """

    theme: str
    refresh_hz: float
    actions: tuple[Action, ...]
    hint: bool
    read_only: bool
    cards: bool = True


def checked_appearance(
    *,
    theme: str,
    refresh_hz: float,
    keys: Mapping[str, str],
    hint: bool,
    read_only: bool,
    cards: bool = True,
) -> Appearance:
    """Return the appearance.

    Raises:
        ConfigError: the theme is unknown (the message suggests the nearest), or the key map is
            invalid.
    """
    if theme and theme not in NAMES:
        near = difflib.get_close_matches(theme, NAMES, n=1)
        known = ", ".join(sorted(NAMES))
        hint_text = f"did you mean {near[0]!r}?" if near else f"known themes: {known}"
        raise ConfigError(f"unknown theme {theme!r}; {hint_text}")
    return Appearance(theme, refresh_hz, remapped(keys), hint, read_only, cards)
