"""Hunt one planted bug: ``python -m tests.torture.hunt BUG FOLDER [SEED]``; exit 0 if found.

The bug is planted in this process, and the processes under test are forked from it.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from cachedesk.core.errors import CachedeskError
from cachedesk.lab.torture.cycles import Torture
from cachedesk.lab.torture.points import Points
from tests.torture import planted

CYCLES = 200


class Hammer:
    """What plants a bug for the rest of this process's life."""

    @staticmethod
    def setattr(target: object, name: str, value: object) -> None:
        # A name that has gone would plant nothing.
        getattr(target, name)
        setattr(target, name, value)


def hunt(bug: str, folder: Path, seed: int) -> str | None:
    """Return what gave the bug away, or ``None`` if nothing did in 200 cycles."""
    on_disk = planted.BY_NAME[bug] in planted.ON_DISK
    planted.BY_NAME[bug](Hammer())
    with Torture(folder, seed, "syscalls" if on_disk else "random") as torture:
        try:
            reports = Points(torture).syscalls(3) if on_disk else torture.random(CYCLES)
            for report in itertools.islice(reports, CYCLES):
                if report.broken:
                    return report.broken[0]
        except CachedeskError as error:
            # A judge that cannot read what it finds has found something.
            return f"the judge: {error}"
    return None


def main(bug: str, folder: Path, seed: int = 5) -> None:
    """Hunt, say what was found, and exit."""
    found = hunt(bug, folder, seed)
    print(found or f"{bug} was not found in {CYCLES} cycles")
    sys.exit(0 if found else 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
