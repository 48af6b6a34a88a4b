"""Ways to damage a file of a data directory; each is a way to prepare a case."""

from __future__ import annotations

import os
import random
from pathlib import Path

from .cases import Prepare


def write(name: str, content: bytes) -> Prepare:
    """Replace what is in a file."""
    return lambda data: (data / name).write_bytes(content)


def remove(*names: str) -> Prepare:
    """Delete files."""
    return lambda data: [(data / name).unlink() for name in names]


def truncate(name: str, share: float) -> Prepare:
    """Keep the first part of a file."""

    def prepare(data: Path) -> None:
        path = data / name
        os.truncate(path, int(path.stat().st_size * share))

    return prepare


def shorter(name: str, by: int) -> Prepare:
    """Cut bytes off the end of a file."""
    return lambda data: os.truncate(data / name, (data / name).stat().st_size - by)


def scribble(name: str, start: int, length: int) -> Prepare:
    """Write random bytes over a part of a file; a ``start`` below 0 counts from its end."""

    def prepare(data: Path) -> None:
        with (data / name).open("r+b") as file:
            file.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
            file.write(random.Random(start).randbytes(length))

    return prepare


def a_folder_instead(name: str) -> Prepare:
    """Put a folder where a file is."""

    def prepare(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        (data / name).mkdir()

    return prepare


def a_pipe_instead(name: str) -> Prepare:
    """Replace a file with a named pipe: opening it for reading blocks for ever."""

    def prepare(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        os.mkfifo(data / name)

    return prepare


def a_link_to_nowhere(name: str) -> Prepare:
    """Put a link that leads nowhere where a file is."""

    def prepare(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        (data / name).symlink_to(data / "nowhere" / "at all")

    return prepare
