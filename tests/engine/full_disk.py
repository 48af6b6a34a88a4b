"""A disk that is really full, and then has space again.

    unshare --user --map-root-user --mount python full_disk.py FOLDER

Mounts a small file system at FOLDER (seen by this process only), lets a stack live there, fills
it to the last byte, and checks that what is refused is not there, what was acknowledged is, and
that all works once there is space again. Prints what was refused.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from cachedesk.core.errors import CachedeskError, OutcomeUnknown, Unavailable
from cachedesk.core.settings import DatabaseSettings, Settings, WorkerSettings
from cachedesk.stack.stack import Stack

MEBIBYTES = 8
KEYS = 40
SETTINGS = Settings(
    database=DatabaseSettings(write_seconds=5.0),
    worker=WorkerSettings(batch_age_seconds=0.01, retry_seconds=0.01, retry_max_seconds=0.05),
)


class Writer:
    """Writes at random, and knows what must be there."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._dice = random.Random(seed)
        self.truth: dict[bytes, bytes] = {}
        self.unknown: dict[bytes, bytes] = {}
        self.refused = {"write-through": 0, "write-behind": 0}

    def write(self, policy: str, size: int = 3000) -> bool:
        """Write once; return whether it was acknowledged."""
        key = b"%s:%d" % (policy.encode(), self._dice.randrange(KEYS))
        value = self._dice.randbytes(self._dice.randrange(1, size))
        try:
            self._stack.layer.set(key, value, policy=policy)
        except Unavailable:
            self.refused[policy] += 1
            return False
        except OutcomeUnknown:
            self.unknown[key] = value
            return False
        self.truth[key] = value
        self.unknown.pop(key, None)
        return True

    def check(self) -> None:
        """Read everything; see that it is what was acknowledged."""
        for policy in self.refused:
            for number in range(KEYS):
                key = b"%s:%d" % (policy.encode(), number)
                self.check_one(key, self._stack.layer.get(key))

    def check_one(self, key: bytes, found: bytes | None) -> None:
        """See that ``found`` is right for ``key``."""
        allowed = [self.truth.get(key)]
        if key in self.unknown:
            allowed.append(self.unknown[key])
        assert found in allowed, f"{key!r} is not what was acknowledged"


def fill(ballast: Path) -> None:
    """Take every byte that is left."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def main(folder: Path, seed: int) -> None:
    """Do what is said above."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "none", str(folder)]
    subprocess.run(mount, check=True)
    data, ballast = folder / "data", folder / "ballast"
    stack = Stack(data, SETTINGS)
    try:
        writer = Writer(stack, seed)
        for _ in range(50):
            assert writer.write("write-through")
            assert writer.write("write-behind")
        for _ in range(2):
            fill(ballast)
            ends = time.monotonic() + 60
            while min(writer.refused.values()) < 20 and time.monotonic() < ends:
                writer.write("write-through")
                writer.write("write-behind")
            assert min(writer.refused.values()) >= 20, f"the disk was not full: {writer.refused}"
            writer.check()
            stack.layer.evict("*")
            writer.check()
            ballast.unlink()
            for _ in range(50):
                assert writer.write("write-through"), "it did not recover"
                assert writer.write("write-behind"), "it did not recover"
            writer.check()
            print(f"refused {writer.refused}, unknown {len(writer.unknown)}", flush=True)
            writer.refused = dict.fromkeys(writer.refused, 0)
        stack.layer.drain(60)
        assert stack.snapshot().books.balanced
        assert stack.snapshot().books.dead == 0
        told = dict(stack.layer.items())
    finally:
        stack.close()
    again = Stack(data, SETTINGS)
    try:
        assert dict(again.layer.items()) == told
        for key in told.keys() | writer.truth.keys():
            writer.check_one(key, told.get(key))
    finally:
        again.close()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except CachedeskError as error:
        sys.exit(f"{type(error).__name__}: {error}")
