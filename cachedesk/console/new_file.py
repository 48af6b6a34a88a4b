"""A new file that the user names, for a recording or a report: nothing is ever overwritten.

Each check returns what is wrong in words, "" if nothing is; the caller raises its own error.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

PICTURES, RECORDINGS = "pictures", "recordings"
"""Folders in a data directory where the desk puts what its user saves."""


def why_not_here(path: Path, verb: str) -> str:
    """Return why a new file cannot be made at ``path``; nothing is changed.

    Args:
        path: where; a file without a byte is as good as none.
        verb: what one does to it, like "record".
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        folder = path.parent
        if not folder.is_dir():
            return f"cannot create {path}: directory {folder} does not exist"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"cannot create {path}: {folder} is not writable"
        return ""
    except (OSError, ValueError) as error:
        return f"cannot create {path}: {reason(error)}"
    return why_not_into(path, found, verb) or (
        "" if os.access(path, os.W_OK) else f"{path} is not writable"
    )


def why_not_into(path: Path, found: os.stat_result, verb: str) -> str:
    """Return why what was ``found`` at ``path`` cannot be written to."""
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a regular file; {verb} to a new file"
    if found.st_size:
        return f"{path} already exists; {verb} to a new file"
    return ""


def why_not_beside(path: Path, data: Path, verb: str) -> str:
    """Return why ``path`` is not apart from the data directory, where all files have a meaning but
    those in the folders for what a user saves."""
    try:
        path, data = path.resolve(), data.resolve()
        inside = path.is_relative_to(data)
        if path.parent in (data / PICTURES, data / RECORDINGS):
            return ""
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot create {path}: {reason(error)}"
    if inside:
        return (
            f"{path} is inside the data directory, which is for the stack's own files; {verb}"
            " to a file outside it"
        )
    return ""


def reason(error: Exception) -> str:
    """Return why a file cannot be used, in the system's own words."""
    return str(getattr(error, "strerror", None) or error)
