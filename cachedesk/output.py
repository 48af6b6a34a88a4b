"""What commands print: bytes as they are and text as UTF-8, whatever the locale says."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def print_json(value: object) -> None:
    """Print ``value`` as JSON on one line."""
    import msgspec

    print_bytes(msgspec.json.encode(value) + b"\n")


def print_text(text: str) -> None:
    """Print ``text`` and a line break."""
    print_bytes(text.encode(errors="surrogateescape") + b"\n")


def print_bytes(raw: bytes) -> None:
    """Print ``raw`` and nothing else."""
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def short_path(path: Path) -> str:
    """Return ``path`` with the user's home as ``~``."""
    home = os.path.expanduser("~")
    text = str(path)
    return f"~{text[len(home) :]}" if text.startswith(f"{home}{os.sep}") else text
