"""A command that the kernel kills when its parent dies, whatever kills the parent (Linux).

The child itself must request that, before it executes the program. ``setpriv`` does so in a tenth
of the time that Python takes to start; where it is missing or too old, Python does it. Both check
their parent afterwards, because it may have died before the request.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_SHELL = "/bin/sh"
_IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'
_IN_PYTHON = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def ending_with_parent(command: Sequence[str]) -> list[str]:
    """Return ``command`` in a form that ends with this process, where that is possible.

    Args:
        command: the absolute path of a program and its arguments.
    """
    parent = str(os.getpid())
    if sys.platform != "linux":
        return [*command]
    if words := _setpriv():
        return [*words, _SHELL, "-c", _IF_PARENT_LIVES, parent, *command]
    if sys.executable:
        return [sys.executable, "-I", "-S", "-c", _IN_PYTHON, parent, *command]
    return [*command]


@functools.cache
def _setpriv() -> tuple[str, ...]:
    """Return the ``setpriv`` prefix that makes a command end with its parent; empty if ``setpriv``
    is missing or lacks the option (before util-linux 2.33; busybox)."""
    path = shutil.which("setpriv")
    if path is None or not os.access(_SHELL, os.X_OK):
        return ()
    words = (os.path.abspath(path), "--pdeathsig", "KILL")
    try:
        tried = subprocess.run(
            [*words, _SHELL, "-c", "exit 0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return ()
    return words if tried.returncode == 0 else ()
