"""Patterns: which keys belong together, by what their names share, in bounded memory.

``views:article:17`` belongs to ``views:article:*``: what looks like an id (a number, a UUID, hex
digits) is one thing at once; and where a place in the name turns out to take very many words
(``user:alice``, ``user:bob``), it is one thing from then on.
"""

from __future__ import annotations

import re
from functools import lru_cache

ANY = b"*"
REST = "…".encode()
"""The pattern of all keys for which there was no room."""

WIDEST = 40
"""How many words one place in a name may take before they count as ids."""

MOST_NAMESPACES = 150
"""How many words there are at the very beginning of names that go on; further ones are the rest."""

MOST_PLACES = 1_000
_MOST_BYTES = 120

_SEPARATOR = re.compile(rb"([:/|.,;#@=&?_\-]+)")
_UUID_OR_DATE = re.compile(
    rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    rb"|(?<!\d)\d{4}-\d\d(?:-\d\d)?(?!\d)"
)
_ID = re.compile(
    rb"\d+|(?=[a-zA-Z]*\d)[0-9a-fA-F]{6,}|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9+]{12,}"
    rb"|.*[^\x20-\x7e].*",
    re.DOTALL,
)
_HEX_ID = re.compile(rb"(?=[0-9]*[a-fA-F])[0-9a-fA-F]{6,}")
_HEX_LETTERS = re.compile(rb"[a-fA-F]+")
_ENDS_IN_NUMBER = re.compile(rb"([A-Za-z]{1,24})\d{3,}")
_END = b"\0"
_RUN = re.compile(rb"\*(?:[_\-]+\*)+")


class Patterns:
    """Names the pattern of a key, and learns from the keys which places hold ids.

    A pattern that was named before may belong to a wider one later: ``of`` a pattern gives it.
    """

    def __init__(self) -> None:
        # By place, which is the pattern up to there: the words that stood in it.
        self._words: dict[bytes, set[bytes]] = {}
        self._wide: set[bytes] = set()
        # By place: how long the hexadecimal ids are that stood in it.
        self._hex_lengths: dict[bytes, set[int]] = {}

    def of(self, key: bytes) -> bytes:
        """Return the pattern of ``key``, or the newest of a pattern."""
        if key == REST:
            return REST
        text = key if len(key) <= _MOST_BYTES else key[:_MOST_BYTES] + ANY
        pieces = _SEPARATOR.split(_UUID_OR_DATE.sub(ANY, text))
        made = b""
        for index in range(0, len(pieces), 2):
            word = self._settled(made, pieces[index], ends=index + 1 == len(pieces))
            if word is None:
                return REST
            made += word
            if index + 1 < len(pieces):
                made += pieces[index + 1]
        return _RUN.sub(ANY, made)

    def _settled(self, place: bytes, piece: bytes, *, ends: bool) -> bytes | None:
        """Return what stands for ``piece`` at ``place``, where it ``ends`` the name or does not;
        ``None`` if there is no room for it."""
        word, hex_length = _shape(piece)
        namespace = not place and not ends
        # The ends of names are a place of their own: "user:alice" beside "user:by-age:7".
        place = place + _END if ends else place
        if word == ANY or not word:
            if hex_length:
                self._note_hex_id(place, hex_length)
            return word
        if place in self._wide or self._is_hex_id(place, word):
            return ANY
        words = self._words.get(place)
        if words is None:
            if len(self._words) >= MOST_PLACES:
                return None
            words = self._words[place] = set()
        if word not in words:
            if len(words) >= (MOST_NAMESPACES if namespace else WIDEST):
                if namespace:
                    return None
                self._widen(place)
                return ANY
            words.add(word)
        return word

    def _note_hex_id(self, place: bytes, length: int) -> None:
        lengths = self._hex_lengths.get(place)
        if lengths is None:
            if len(self._hex_lengths) >= MOST_PLACES:
                return
            lengths = self._hex_lengths[place] = set()
        lengths.add(length)

    def _is_hex_id(self, place: bytes, word: bytes) -> bool:
        """Return whether ``word``, which has no digit, is an id all the same, because ids of hex
        digits of its length stand in this place: one in 350 of six digits is letters only."""
        lengths = self._hex_lengths.get(place, ())
        return len(word) in lengths and _HEX_LETTERS.fullmatch(word) is not None

    def _widen(self, place: bytes) -> None:
        self._wide.add(place)
        # What was learned below its words is not needed any more.
        for below in [known for known in self._words if known.startswith(place)]:
            if below == place or below[len(place) : len(place) + 1] not in (ANY, _END):
                del self._words[below]


@lru_cache(maxsize=4096)
def _shape(word: bytes) -> tuple[bytes, int]:
    """Return what stands for ``word``, and how long it is if it is an id of hex digits, else 0."""
    if _ID.fullmatch(word):
        return ANY, len(word) if _HEX_ID.fullmatch(word) else 0
    ends = _ENDS_IN_NUMBER.fullmatch(word)
    return ends[1] + ANY if ends else word, 0
