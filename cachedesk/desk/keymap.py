"""The key map: the keys that the configuration assigns to actions."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from cachedesk.core.errors import ConfigError
from cachedesk.desk.actions import ACTIONS, Action

RESERVED = frozenset(
    ("tab", "shift+tab", "enter", "escape", "up", "down", "home", "end", "pageup", "pagedown")
) | {"ctrl+c", "ctrl+q", "ctrl+p", "ctrl+z"}
"""Keys that move the focus and the selection, close what is open, or leave."""

_NAMED = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())


_MODIFIERS = frozenset(("ctrl", "shift", "alt", "meta", "super"))


def remapped(
    overrides: Mapping[str, str], actions: tuple[Action, ...] = ACTIONS
) -> tuple[Action, ...]:
    """Return ``actions`` with the keys of ``overrides``.

    Args:
        overrides: maps the name of an action to its key: a character, or a name like ``f5`` or
            ``ctrl+k``.
        actions: every action.

    Raises:
        ConfigError: an action or key is unknown, or a key is reserved or used twice.
    """
    names = {action.name for action in actions}
    for name in overrides:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            known = f"known actions: {', '.join(sorted(names))}"
            hint = f"did you mean {near[0]!r}?" if near else known
            raise ConfigError(f"desk.keys: unknown action {name!r}; {hint}")
    keys = {name: _key(name, written) for name, written in overrides.items()}
    mapped = tuple(replace(action, key=keys.get(action.name, action.key)) for action in actions)
    used: dict[str, str] = {}
    for action in mapped:
        if action.key in used:
            raise ConfigError(
                f"desk.keys: {action.shown_key!r} is bound to both {used[action.key]!r} and"
                f" {action.name!r}; choose another key for one of them"
            )
        used[action.key] = action.name
    return mapped


def _named(letter: str) -> str:
    """Return the name of a character's key: the character, or its Unicode name."""
    if letter.isalnum():
        return letter
    name = unicodedata.name(letter, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _key(name: str, written: str) -> str:
    """Return Textual's name of a key."""
    key = _named(written) if len(written) == 1 else written.strip().lower()
    *modifiers, plain = key.split("+")
    known = len(written) == 1 and written.isprintable()
    combined = _MODIFIERS.issuperset(modifiers) and len(plain) == 1 and plain.isalnum()
    if not known and key not in _NAMED and not (modifiers and combined):
        raise ConfigError(f'desk.keys.{name}: {written!r} is not a key; write it like "x" or "f5"')
    if key in RESERVED:
        raise ConfigError(f"desk.keys.{name}: {written!r} is reserved; choose another key")
    return key
