"""Shell-style patterns of keys."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable

from cachedesk.core.errors import ConfigError, InvalidKey


def glob(pattern: str | bytes) -> re.Pattern[bytes]:
    """Compile a shell-style pattern (``*``, ``?``, ``[abc]``) that matches whole keys, bytewise.

    Raises:
        InvalidKey: it is neither bytes nor a str that is valid Unicode.
    """
    try:
        raw = pattern.encode() if isinstance(pattern, str) else bytes(memoryview(pattern))
    except (UnicodeEncodeError, TypeError):
        raise InvalidKey(f"a key pattern is bytes or valid Unicode, not {pattern!r}") from None
    return re.compile(fnmatch.translate(raw.decode("latin-1")).encode("latin-1"))


def first_match(patterns: Iterable[str]) -> Callable[[bytes], int | None]:
    """Return a function that returns the place of the first of ``patterns`` that matches a key,
    ``None`` if none does. They are compiled into one alternation, so a lookup is one match.

    Raises:
        ConfigError: a pattern is empty, or not valid Unicode.
    """
    patterns = list(patterns)
    if not all(patterns):
        raise ConfigError("a key pattern must not be empty")
    try:
        parts = [b"(%s)" % glob(pattern).pattern for pattern in patterns]
    except InvalidKey as error:
        raise ConfigError(str(error)) from None
    match = re.compile(b"|".join(parts) or b"(?!)").match

    def place_of(key: bytes) -> int | None:
        found = match(key)
        return None if found is None or found.lastindex is None else found.lastindex - 1

    return place_of
