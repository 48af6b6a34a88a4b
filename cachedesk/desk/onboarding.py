"""Whether the desk is opened for the first time: a marker file in the user's state folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path


def is_first_time(folder: Path | None = None) -> bool:
    """Return whether this user opens the desk for the first time, and record that it was opened.

    A folder that cannot be written is not an error; the greeting is shown again next time. A user
    without a home directory has no state folder and is not greeted.

    Args:
        folder: where the marker is; by default the platform's folder for user state.
    """
    if folder is None:
        try:
            folder = user_state_path("cachedesk", appauthor=False)
        except RuntimeError:
            return False
        if not folder.is_absolute():
            return False
    marker = folder / "greeted"
    with suppress(OSError):
        if marker.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    return True
