"""The two paths that a write can take."""

from __future__ import annotations

import difflib
import reprlib
from enum import StrEnum

from cachedesk.core.errors import ConfigError


class WritePath(StrEnum):
    """How a write becomes safe.

    ``THROUGH``: committed to the database before it is acknowledged. ``BEHIND``: durable in the
    log before it is acknowledged, and applied to the database later.
    """

    THROUGH = "write-through"
    BEHIND = "write-behind"


def as_path(name: object) -> WritePath:
    """Return the path of this name.

    Raises:
        ConfigError: there is no such path; the message suggests the nearest.
    """
    try:
        return WritePath(name)  # type: ignore[arg-type]
    except ValueError:
        near = difflib.get_close_matches(
            str(name)[:40].lower(), [path.value for path in WritePath], 1, 0.3
        )
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"unknown policy {reprlib.repr(name)}: use 'write-through' or 'write-behind'{hint}"
        ) from None
