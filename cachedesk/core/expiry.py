"""Times to live, as callers write them, and the deadlines that follow from them."""

from __future__ import annotations

import math
import re
import reprlib

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import InvalidValue

MOST_SECONDS = 100 * 365.25 * 86_400.0

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_TTL = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd]?)", re.ASCII)


def as_ttl(ttl: float | str) -> float:
    """Return a time to live in seconds.

    Args:
        ttl: seconds, or a text such as ``"30m"``: a number and ``ms``, ``s``, ``m``, ``h`` or
            ``d``.

    Raises:
        InvalidValue: it is neither, not above 0, or over 100 years.

    >>> as_ttl("30m"), as_ttl(0.5)
    (1800.0, 0.5)
    """
    seconds = math.nan
    if isinstance(ttl, str):
        if found := _TTL.fullmatch(ttl):
            seconds = float(found[1]) * _SECONDS[found[2]]
    elif isinstance(ttl, (int, float)) and not isinstance(ttl, bool):
        # Compared before the conversion: a large int does not fit into a float.
        seconds = float(ttl) if ttl <= MOST_SECONDS else math.inf
    if not 0 < seconds <= MOST_SECONDS:
        raise InvalidValue(
            f"a ttl is seconds above 0, or a text such as '30m', at most 100 years, not"
            f" {reprlib.repr(ttl)}"
        )
    return seconds


def deadline_of(ttl: float | str | None) -> float | None:
    """Return when a value that is written now with ``ttl`` expires, in seconds since 1970;
    ``None``: never. Errors as for ``as_ttl``."""
    return None if ttl is None else wall_seconds() + as_ttl(ttl)
