"""A description of the machine, without which figures cannot be compared."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

_MEMORY_ONLY = ("tmpfs", "ramfs")


def machine() -> Mapping[str, str]:
    """Return the processor, the CPUs, the memory, and the file system of the scratch files."""
    folder = tempfile.gettempdir()
    return {
        "processor": _processor(),
        "cpus": str(os.cpu_count() or 1),
        "memory": f"{psutil.virtual_memory().total / 1024**3:.0f} GiB",
        "files": _file_system(folder),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
    }


def in_a_line(found: Mapping[str, str]) -> str:
    """Return ``machine()`` as one sentence."""
    cpus = found["cpus"]
    return (
        f"{found['processor']}, {cpus} {'CPU' if cpus == '1' else 'CPUs'}, {found['memory']},"
        f" files on {found['files']}, {found['system']}, Python {found['python']}."
    )


def warning(found: Mapping[str, str]) -> str:
    """Return a warning if figures of this machine mean little; "" if there is none."""
    if found["files"] in _MEMORY_ONLY:
        return (
            "The scratch files are in memory, where a commit costs nothing: set TMPDIR to a folder"
            " on a disk."
        )
    return ""


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _file_system(folder: str) -> str:
    path = Path(folder).resolve()
    mounted = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((mounted[each] for each in (path, *path.parents) if each in mounted), "unknown")
