"""Keys with a range: ``views:article:{1..50}`` stands for fifty keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cachedesk.core.errors import ConfigError

_RANGE = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_MOST_KEYS = 1_000_000


def named(text: str) -> Sequence[bytes]:
    """Return the keys that ``text`` stands for, in order.

    Raises:
        ConfigError: it has more than one range, or one that runs backwards or too far.
    """
    found = list(_RANGE.finditer(text))
    if not found:
        if "{" in text or "}" in text:
            raise ConfigError(f"cannot read the keys {text!r}; write a range like {{1..50}}")
        return [text.encode()]
    if len(found) > 1:
        raise ConfigError(f"more than one range in {text!r}")
    (only,) = found
    first, last = map(int, only.groups())
    if not first <= last < first + _MOST_KEYS:
        raise ConfigError(f"the range in {text!r} must have 1 to {_MOST_KEYS:,} numbers")
    before, after = text[: only.start()].encode(), text[only.end() :].encode()
    return [b"%s%d%s" % (before, number, after) for number in range(first, last + 1)]
