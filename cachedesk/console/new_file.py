"""Checks of a new file that the user names, for a recording or a report. Nothing is overwritten.

Each check returns an error message, or "" if there is no error; the caller raises its own error.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

PICTURES, RECORDINGS = "pictures", "recordings"
"""Folders in a data directory for the files that a user of the desk saves."""


def why_not_here(path: Path, verb: str) -> str:
    """Return why a new file cannot be created at ``path``; nothing is changed.

    Args:
        path: the file; an empty file that exists is accepted.
        verb: what the user asked for, for the message, like "record".
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
    """Return why the file at ``path``, whose status is ``found``, cannot be written to."""
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a regular file; {verb} to a new file"
    if found.st_size:
        return f"{path} already exists; {verb} to a new file"
    return ""


def why_not_beside(path: Path, data: Path, verb: str) -> str:
    """Return why ``path`` must not be used because it is inside the data directory. Only the
    folders for files that a user saves are allowed there."""
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


def write_new(path: Path, content: bytes, verb: str) -> str:
    """Write a new file, whole or not at all; return why it could not be written.

    Args:
        path: the file, for which ``why_not_here`` found no reason.
        content: what it holds.
        verb: as for ``why_not_here``, which is asked again before the file gets its name.
    """
    draft = path.with_name(f".cachedesk-{os.getpid()}-{token_hex(4)}.tmp")
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(file)
        if complaint := why_not_here(path, verb):
            return complaint
        draft.replace(path)
    except (OSError, ValueError) as error:
        return f"{path} cannot be written: {reason(error)}"
    finally:
        with suppress(OSError):
            draft.unlink()
    return ""


def reason(error: Exception) -> str:
    """Return why a file cannot be used, in the operating system's words."""
    return str(getattr(error, "strerror", None) or error)
