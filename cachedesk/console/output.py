"""Output of commands: bytes unchanged, and text as UTF-8 in any locale."""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO


def print_json(value: object) -> None:
    """Print ``value`` as JSON on one line."""
    import msgspec

    text = msgspec.json.encode(value).decode()
    print_bytes(_OBEYED.sub(_as_json_escape, text).encode() + b"\n")


def json_text(raw: bytes) -> str | dict[str, str]:
    """Return bytes as a JSON value: text if they are UTF-8, else ``{"base64": …}``."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(raw).decode()}


_MOST_LETTERS = 4_000
_LONGEST_ESCAPE = len("\\U0010ffff")

_OBEYED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Characters that a terminal may act on and JSON does not escape: C1 and direction controls."""


def _as_json_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def print_text(text: str) -> None:
    """Print ``text`` and a line break; control characters in it are escaped."""
    from cachedesk.core.printable import safe

    lines = (safe(line, _LONGEST_ESCAPE * len(line)) for line in text.split("\n"))
    print_bytes("\n".join(lines).encode() + b"\n")


def print_bytes(raw: bytes) -> None:
    """Print ``raw`` and nothing else; do nothing if standard output is closed."""
    if sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()


def print_incomplete(missing: Sequence[str]) -> None:
    """Print on standard error what was requested but not done, one line each."""
    import click

    for what in missing:
        click.echo(f"cachedesk: incomplete: {one_line(what)}", err=True)


def one_line(text: str) -> str:
    """Return ``text``, which may quote an untrusted file, as one line for a terminal."""
    from cachedesk.core.printable import safe

    return safe(" ".join(text.split()), _MOST_LETTERS)


def is_terminal() -> bool:
    """Return whether input and output are a terminal."""
    return all(map(_is_terminal, (sys.stdin, sys.stdout)))


def is_served() -> bool:
    """Return whether a web server shows the screen in a browser."""
    return "TEXTUAL_DRIVER" in os.environ


def has_bar() -> bool:
    """Return whether standard error is a terminal, so that a progress bar can be shown."""
    return _is_terminal(sys.stderr)


def _is_terminal(stream: TextIO | None) -> bool:
    """Return whether ``stream`` is a terminal; ``None`` stands for a stream closed at start."""
    return stream is not None and stream.isatty()


def forget_output() -> None:
    """Discard buffered output that could not be written, or the interpreter retries at exit."""
    if sys.stdout is not None:
        number = sys.stdout.fileno()
        # Closed first, because there may be no other free descriptor.
        os.close(number)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)


def short_path(path: Path) -> str:
    """Return ``path`` with the user's home as ``~``."""
    home = os.path.expanduser("~")
    text = str(path)
    return f"~{text[len(home) :]}" if text.startswith(f"{home}{os.sep}") else text
