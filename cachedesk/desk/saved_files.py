"""Where the desk saves pictures and recordings: a subfolder of the data folder for each kind."""

from __future__ import annotations

from pathlib import Path

from cachedesk.console.new_file import PICTURES, RECORDINGS

_FOLDERS = {"svg": PICTURES, "rec": RECORDINGS, "txt": RECORDINGS}


def next_free(data: Path, suffix: str, name: str = "desk") -> Path:
    """Return the path of a new picture (``svg``), recording (``rec``) or trace (``txt``): the name
    with the next number.

    The folder is created if it does not exist.

    Raises:
        OSError: the folder cannot be created or read.
    """
    folder = data / _FOLDERS[suffix]
    folder.mkdir(parents=True, exist_ok=True)
    found = folder.glob(f"{name}-*.{suffix}")
    # A pair of recordings shares a number: versus-001.left.rec, versus-001.right.rec.
    taken = [path.name.removeprefix(f"{name}-").partition(".")[0] for path in found]
    newest = max((int(number) for number in taken if number.isdecimal()), default=0)
    return folder / f"{name}-{newest + 1:03}.{suffix}"
