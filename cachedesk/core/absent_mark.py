"""The mark that is cached for a key which is known to be absent (negative caching).

A cache stores it like any value, for the short time that the policy of the key says. A true value
that equals it is never cached.
"""

from __future__ import annotations

ABSENT_MARK = b"\xc1absent\x00cachedesk"
