"""Text that other programs or strangers chose, as a terminal or a sentence may hold it."""

from __future__ import annotations


def safe(raw: bytes | str, most: int = 80) -> str:
    """Return ``raw`` so that a terminal shows it and does nothing else: what is no printable
    character is escaped (``\\x1b``, ``\\n``, ``\\u202e``).

    Args:
        raw: a key, a value, a name; bytes that are not UTF-8 are escaped too.
        most: how many characters the result may have; what is longer ends in ``…``.
    """
    text = raw[: 4 * most].decode(errors="backslashreplace") if isinstance(raw, bytes) else raw
    escaped = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text[: most + 1]
    )
    return escaped if len(escaped) <= most else f"{escaped[:most]}…"
