"""Patterns of keys as Redis has them: ``*``, ``?``, ``[abc]``, ``[^a-z]`` and ``\\`` as escape."""

from __future__ import annotations

import re
from collections.abc import Callable


def matcher(pattern: bytes) -> Callable[[bytes], bool]:
    """Return a function that tells whether a key matches ``pattern``.

    >>> matcher(b"user:[0-9]*")(b"user:17"), matcher(b"a?")(b"a")
    (True, False)
    """
    if pattern.strip(b"*") == b"":
        return (lambda key: True) if pattern else (lambda key: not key)
    compiled = re.compile(_expression(pattern), re.DOTALL)
    return lambda key: compiled.fullmatch(key) is not None


def _expression(pattern: bytes) -> bytes:
    first, *others = _segments(pattern)
    if not others:
        return first
    # The first place where a segment between two stars fits is as good as any other. Without the
    # atomic groups, a pattern of many stars would take for ever. (As ``fnmatch`` has it.)
    middle = b"".join(b"(?>.*?%b)" % segment for segment in others[:-1] if segment)
    return b"%b%b.*%b" % (first, middle, others[-1])


def _segments(pattern: bytes) -> list[bytes]:
    """Return the expressions of the parts between the stars."""
    parts: list[list[bytes]] = [[]]
    at = 0
    while at < len(pattern):
        code = pattern[at : at + 1]
        at += 1
        if code == b"*":
            parts.append([])
        elif code == b"?":
            parts[-1].append(b".")
        elif code == b"[":
            part, at = _set(pattern, at)
            parts[-1].append(part)
        else:
            if code == b"\\" and at < len(pattern):
                code = pattern[at : at + 1]
                at += 1
            parts[-1].append(re.escape(code))
    return [b"".join(part) for part in parts]


def _set(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Return the expression of the set that begins at ``at``, and the place after it. Without a
    closing bracket it ends with the pattern."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    while at < len(pattern) and pattern[at] != ord("]"):
        if pattern[at] == ord("\\") and at + 1 < len(pattern):
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            first, last = sorted((pattern[at], pattern[at + 2]))
            members.update(range(first, last + 1))
            at += 3
        else:
            members.add(pattern[at])
            at += 1
    if not members:
        return (b"." if negated else rb"(?!)"), at + 1
    inside = b"".join(b"\\x%02x" % code for code in sorted(members))
    return b"[%b%b]" % (b"^" if negated else b"", inside), at + 1
