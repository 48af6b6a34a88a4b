"""Detects the format of a trace from its first lines, never from the name of the file.

The first line that matches a format decides, or two of them if other lines come before. A list of
keys has no distinctive mark, so it is detected only if no sampled line can be anything else.
Anything else is refused as unknown: a wrong guess would replay something else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cachedesk.lab.trace import access_log, monitor, twitter, ycsb
from cachedesk.lab.trace.formats import (
    ACCESS_LOG,
    CSV,
    FORMATS,
    JSONL,
    KEYS,
    MONITOR,
    NAMES,
    TWITTER,
    YCSB,
)
from cachedesk.lab.trace.record import Malformed, TraceError, shown
from cachedesk.lab.trace.stream import LINE_BYTES, Lines

MOST_LINES = 20
"""The number of lines that are sampled, without empty ones and comments."""

_MOST_BYTES = 256 * 1024
_AGREE = 2


@dataclass(frozen=True, slots=True)
class Found:
    """The format of a trace. ``before``: the number of lines before the first one of the format.
    ``sure``: whether the format is unambiguous."""

    name: str
    before: int = 0
    sure: bool = True


def detected(lines: Lines) -> Found:
    """Return the format of the input.

    Raises:
        TraceError: it is empty, or of no known format; the message says what to do.
    """
    sampled: list[bytes] = []
    votes: Counter[str] = Counter()
    firsts: dict[str, int] = {}
    strange = 0
    for place, line in enumerate(_sample(lines)):
        sampled.append(line)
        name = sign_of(line)
        if name:
            votes[name] += 1
            firsts.setdefault(name, place)
            if votes[name] >= (_AGREE if strange else 1):
                return Found(name, _before(name, sampled[: firsts[name]]))
        else:
            strange += _is_strange(line)
    if _is_ycsb(sampled):
        return Found(YCSB)
    if len(votes) == 1 and sum(votes.values()) == 1 and strange <= _AGREE:
        # One line of a short file, after a warning or a comment.
        ((name, place),) = firsts.items()
        return Found(name, _before(name, sampled[:place]))
    if not votes and _are_keys(sampled):
        return Found(KEYS, sure=False)
    raise _unknown(lines, sampled)


def forced(lines: Lines, name: str) -> Found:
    """Return the format ``name`` with the number of lines before its first one."""
    form = FORMATS.get(name)
    if form is not None and not form.ours and name != KEYS:
        above: list[bytes] = []
        found = False
        for line in _sample(lines):
            if sign_of(line) == name:
                if found or not any(map(_is_strange, above)):
                    return Found(name, _before(name, above))
                found = True
            elif not found:
                above.append(line)
    return Found(name)


def _is_strange(line: bytes) -> bool:
    return bool(line.strip(_BLANK)) and not monitor.is_reply(line)


def _before(name: str, above: list[bytes]) -> int:
    """Return how many of the lines ``above`` the first one of a format must be skipped."""
    return len(above) if name == CSV or any(map(_is_strange, above)) else 0


def sign_of(line: bytes) -> str:
    """Return the name of the format that ``line`` matches; empty if there is none."""
    line = line.lstrip(b"\0")
    return next((name for name, fits in _SIGNS if fits(line)), "")


_BLANK = b" \t\r\n\0\v\f"
_JSON = re.compile(rb"\s*(?:\[\s*(?:[\"\[{\]]|$)|\{(?=[^\n]{0,200}\"op\"\s*:))")
_VERBS = rb"(?:get|set|incr|delete)"


def _is_header(line: bytes) -> bool:
    return line.strip().replace(b'"', b"") == b"op,key,value"


_SIGNS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (CSV, _is_header),
    (JSONL, lambda line: _JSON.match(line) is not None),
    (MONITOR, monitor.matches),
    (ACCESS_LOG, access_log.matches),
    (TWITTER, lambda line: twitter.LINE.match(line) is not None),
)


def _sample(lines: Lines) -> Iterator[bytes]:
    """Yield the first lines, until enough of them are not blank."""
    count = read = 0
    for line in lines.ahead():
        yield line
        text, read = line.strip(_BLANK), read + len(line)
        count += bool(text) and text[:1] not in (b"#", b"!")
        if count >= MOST_LINES or read > _MOST_BYTES:
            return


def _is_ycsb(sampled: list[bytes]) -> bool:
    """Return whether the lines are a properties file with at least one property of YCSB."""
    try:
        return any(name in ycsb.RECOGNIZED for name, _ in ycsb.named(sampled))
    except Malformed:
        return False


_CUT_TIME = re.compile(rb"[\d.]{1,24}(?: \[[^\"]{0,80})?")

# Printable, without the separators of tables, logs and programs.
_KEY = re.compile(rb"[^\0-\x20\x7f,;|\"'`{}\[\]()<>=?&\\#]{1,1024}")


def _are_keys(sampled: list[bytes]) -> bool:
    words = [line.strip() for line in sampled if line.strip()]
    if words and monitor.is_reply(words[0]):
        # The beginning of a capture, which may end before its first command.
        return False
    return len(words) >= _AGREE and all(map(_is_key, words))


def _is_key(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return _KEY.fullmatch(word) is not None and not re.fullmatch(rb"op\Wkey\Wvalue", word)


_HEADER = re.compile(rb"op\s*([;\t|:/ ]|, | ,)\s*key\s*\1\s*value", re.IGNORECASE)
_ROW = re.compile(_VERBS + rb"([,;\t|])", re.IGNORECASE)
_MISSING = "the header op,key,value is missing"


def _unknown(lines: Lines, sampled: list[bytes]) -> TraceError:
    name = lines.name
    numbers = [number for number, line in enumerate(sampled, 1) if line.strip(_BLANK)]
    if not numbers and sum(map(len, sampled)) > _MOST_BYTES:
        return TraceError(f"{name}: its first {_MOST_BYTES:,} bytes are blank")
    if not numbers:
        if lines.too_long:
            return TraceError(f"{name}: its first line is over {LINE_BYTES:,} bytes long")
        return TraceError(f"{name}: the file is empty; a trace is one of {', '.join(NAMES)}")
    if all(monitor.is_reply(line) or _CUT_TIME.fullmatch(line.strip()) for line in sampled):
        return TraceError(
            f"{name}: begins like output of redis-cli MONITOR, but ends before a command"
        )
    number = numbers[0]
    first = sampled[number - 1].strip(b"\xef\xbb\xbf" + _BLANK)
    where = f"{name} line {number}"
    unquoted = first.replace(b'"', b"").replace(b"'", b"")
    if header := _HEADER.fullmatch(unquoted):
        return TraceError(
            f"{where}: the header is op,key,value with commas, not with {shown(header[1])}"
        )
    if unquoted.lower() == b"op,key,value":
        return TraceError(f"{where}: the header is op,key,value, not {shown(first)}")
    if unquoted.lower().startswith(b"op,") or _ROW.match(unquoted):
        return TraceError(f"{where}: {_MISSING} (op, key and value with commas between them)")
    if first.startswith(b"{"):
        return TraceError(
            f'{where}: cannot tell what it is; JSON lines are ["incr","views:1",1] or'
            ' {"op":"incr","key":"views:1","value":1}'
        )
    looks = "its first line is" if len(numbers) == 1 else f"its first {len(numbers)} lines are"
    return TraceError(
        f"{where}: cannot tell what it is; {_MISSING}, and {looks} of none of"
        f" {', '.join(NAMES)} (--format forces one): {shown(first)}"
    )
