"""A disk that is really full: what cannot be written is refused, and all works again once there
is space, without a restart. (``max_page_count`` in ``test_degrading`` is SQLite's own limit; here
the kernel says ENOSPC, also to the ``-wal`` files and to the deletes of acked events.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import full_disk

pytestmark = pytest.mark.slow

PRIVATE = ["unshare", "--user", "--map-root-user", "--mount"]


def private_mounts() -> str:
    """Return why this process may not have mounts of its own, empty when it may."""
    try:
        tried = subprocess.run(
            [*PRIVATE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return "there is no unshare(1)"
    return tried.stderr.strip() if tried.returncode else ""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_full_disk_refuses_and_recovers_without_a_restart(tmp_path: Path, seed: int) -> None:
    if why := private_mounts():
        pytest.skip(f"a small file system cannot be mounted here: {why}")
    command = [*PRIVATE, sys.executable, full_disk.__file__, str(tmp_path), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused {'write-through': ") == 2
    assert done.stderr == ""
